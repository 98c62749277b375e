"""Reference values for the judge, computed with 50 digits by other means than the program's.

The projection on the null is found by minimising the divergence numerically (the program solves a quadratic), the
mixture is kept as plain products (the program keeps logarithms). Run: pip install mpmath; python3 judge.py > judge.json
"""
import json
import random

from mpmath import mp, mpf, log, exp, mpf as F

mp.dps = 50
rng = random.Random(20)

MULTIPLES = [F(m) for m in ("1.12", "1.24", "1.45", "1.75", "2.2", "3.6", "8", "22")]
PRIOR = [F("0.12")] + [F("0.88") * F(v) for v in ("0.1", "0.11", "0.09", "0.13", "0.17", "0.11", "0.09", "0.2")]


def f(x):
    """The very double the program gets."""
    return mpf(float(x))


def project(nc, nb, lc1, lb1, rho, delta):
    """Where the derivative of nc*k(lc1|rho*x+delta) + nb*k(lb1|x) is 0, by bisection and Newton."""
    if rho == 0:
        return delta, lb1
    slope = lambda x: nc * rho * (1 - lc1 / (rho * x + delta)) + nb * (1 - lb1 / x)
    low, high = mpf(10) ** -40, 1000 * (lc1 + lb1 + 1)
    for _ in range(400):
        middle = (low + high) / 2 if low > high / 4 else mp.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    x = (low + high) / 2
    return rho * x + delta, x


def log_ratio(counts, lc1, lb1, rho, delta):
    nc, ec, nb, eb = map(mpf, counts)
    lc0, lb0 = project(nc, nb, lc1, lb1, rho, delta)
    return ec * log(lc1 / lc0) + eb * log(lb1 / lb0) - nc * (lc1 - lc0) - nb * (lb1 - lb0)


class Baseline:
    def __init__(self):
        self.n, self.e, self.s, self.pairs = mpf(0), mpf(0), mpf(12), mpf(8)
        self.block, self.group = (mpf(0), mpf(0)), []

    def rate(self):
        return (self.e + F("0.5")) / (self.n + 500)

    def phi(self):
        error = mp.sqrt(2 / self.pairs)
        safe = self.s / self.pairs * (1 + error / 2)
        slack = F("1.5") * error * (self.pairs - 8) / self.pairs
        if safe <= 1 + slack:
            return mpf(1)
        return safe if safe >= 1 + 2 * slack else 1 + 2 * (safe - 1 - slack)

    def learn(self, n, e):
        n, e = mpf(n), mpf(e)
        full = (self.block[0] + n) * self.rate() >= 1
        self.block = (self.block[0] + n, self.block[1] + e)
        self.n += n
        self.e += e
        if not full:
            return
        (n, e), self.block = self.block, (mpf(0), mpf(0))
        n1, e1 = sum(g[0] for g in self.group), sum(g[1] for g in self.group)
        both = e1 + e
        if self.group and both >= 2:
            th = n / (n1 + n)
            x2, most = (e - both * th) ** 2 / (both * th * (1 - th)), 30 * max(mpf(1), self.phi() / F("2.5"))
            self.s += min(x2, most)
            self.pairs += 1
            if x2 >= most:
                self.group = []
        self.group.append((n, e))
        if len(self.group) == 5:
            self.group = []


def play(rho, delta, margin, looks, planned):
    """Evidence of harm and of health after each look."""
    base, wealth, health = Baseline(), list(PRIOR), [F("0.75"), F("0.25")]
    out, s = [], 1 / mpf(planned)
    for counts in looks:
        lb, phi, total = base.rate(), base.phi(), sum(wealth)
        edge = rho * lb + delta
        far = exp(1 + 2 / (phi - 1)) if phi > 1 else mp.inf
        wealth = [(1 - s) * w + s * p * total for w, p in zip(wealth, PRIOR)]
        wealth = wealth[:1] + [
            w * exp(log_ratio(counts, min(k, far) * edge, lb, rho, delta) / phi)
            for w, k in zip(wealth[1:], MULTIPLES)
        ]
        health = [
            w * exp(log_ratio(counts, k * lb, lb, mpf(1), margin) / phi) for w, k in zip(health, [1, F("0.7")])
        ]
        base.learn(counts[2], counts[3])
        out.append({"counts": counts, "log_harm": float(log(sum(wealth))), "log_health": float(log(sum(health))),
                    "phi": float(base.phi())})
    return {"ratio": float(rho), "delta": float(delta), "margin": float(margin), "planned": planned, "looks": out}


def poisson(mean):
    count, left = 0, rng.expovariate(1)
    while left < mean:
        count, left = count + 1, left + rng.expovariate(1)
    return count


def projections():
    rows = []
    for _ in range(60):
        nc, nb = rng.randint(1, 10 ** rng.randint(1, 6)), rng.randint(1, 10 ** rng.randint(1, 6))
        lb1 = f(10 ** rng.uniform(-6, -0.3))
        lc1 = f(lb1 * mpf(10) ** rng.uniform(-0.5, 2))
        rho = f(rng.choice([0, 1, 1.1, 1.2, 2]))
        delta = f(rng.choice([1e-6, 1e-4, 0.002, 0.05]))
        ec, eb = poisson(min(nc * float(lc1), 500)), poisson(min(nb * float(lb1), 500))
        lc0, lb0 = project(mpf(nc), mpf(nb), lc1, lb1, rho, delta)
        value = log_ratio((nc, ec, nb, eb), lc1, lb1, rho, delta)
        rows.append({"arms": [nc, ec, nb, eb], "alternative": [float(lc1), float(lb1)], "ratio": float(rho),
                     "delta": float(delta), "nearest": [float(lc0), float(lb0)], "log_ratio": float(value)})
    return rows


def rollouts():
    rows = []
    for rho, delta in [("1", "0"), ("1.1", "0"), ("1", "0.005"), ("1.2", "0.002"), ("0", "0.02")]:
        looks = []
        for look in range(20):
            n = rng.choice([600, 6000])
            w = [0.01, 0.05, 0.25, 0.5][look // 5]
            base = 0.01 * (1 + 3 * (look % 4 == 3))
            nc = max(1, poisson(w * n))
            nb = max(1, n - nc)
            harm = 1 if look < 8 else 2
            looks.append([nc, min(nc, poisson(nc * base * harm)), nb, min(nb, poisson(nb * base))])
        rows.append(play(f(rho), f(delta), f("0.004"), looks, 50))
    return rows


print(json.dumps({"projections": projections(), "rollouts": rollouts()}, indent=None, separators=(",", ":")).replace("},{", "},\n{"))
