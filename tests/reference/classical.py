"""Classical numbers the judge uses, by scipy and statsmodels: the one-sided upper bound of a Poisson mean.

    pip install scipy statsmodels
    python3 tests/reference/classical.py > tests/reference/classical.json

statsmodels' exact interval ("exact-c", Garwood 1936) at 2 alpha has the one-sided bound at alpha as its upper end; scipy's
chi-square quantile is the same number by another way. Both must agree before a row is written.
"""

import json
import sys

from scipy.stats import chi2
from statsmodels.stats.rates import confint_poisson

rows = []
for alpha in (0.05, 0.005, 0.0025):
    for events in (0, 1, 2, 5, 10, 30, 100, 1000, 10_000, 90_000):
        bound = chi2.ppf(1 - alpha, 2 * (events + 1)) / 2
        _, upper = confint_poisson(events, 1, method="exact-c", alpha=2 * alpha)
        assert abs(upper / bound - 1) < 1e-12, (events, alpha, upper, bound)
        rows.append({"events": events, "alpha": alpha, "bound": float(bound)})
json.dump({"poisson_upper": rows}, sys.stdout, indent=1)
print()
