//! stub
use crate::domain::Timestamp;
use crate::engine::{Answer, Ask};
#[derive(Clone, Debug)]
pub struct Sources;
impl Sources {
    pub async fn read(&self, _: &[Ask], _: Option<Timestamp>, now: Timestamp) -> Answer {
        Answer { series: vec![], until: now, troubles: vec![] }
    }
    pub fn lag(&self, _: &[Ask]) -> std::time::Duration {
        Default::default()
    }
}
