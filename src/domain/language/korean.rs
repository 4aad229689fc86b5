//! Korean. Owns its words; what each is for stands at the trait. Behind a name whose last sound nobody knows both forms of a particle
//! stand, as Korean software writes them: `이(가)`, `을(를)`, `(으)로`.

use crate::domain::language::words::{Cause, Day, Made, State, Step, Unseen, Who, Words};
use crate::domain::severity::Severity;

#[derive(Debug)]
pub(super) struct Korean;

/// The names of facts and links. What is not here is a parameter's own name, or the same in both languages.
const NAMES: [(&str, &str); 69] = [
    ("CloudTrail event", "CloudTrail 이벤트"),
    ("Instance", "인스턴스"),
    ("MFA", "MFA 사용"),
    ("Runbook", "대응 절차"),
    ("access key", "액세스 키"),
    ("account", "계정"),
    ("alerts", "알림"),
    ("asked for", "요청"),
    ("asked for by", "요청한 주체"),
    ("because", "근거"),
    ("by", "담당"),
    ("call", "호출"),
    ("claim", "의심되는 점"),
    ("count", "개수"),
    ("covered", "읽기 범위"),
    ("dry-run rules would have alerted", "시험 중인 규칙의 알림"),
    ("error", "오류"),
    ("exclusion", "제외"),
    ("fleet", "플릿"),
    ("from", "출처"),
    ("gaps", "빈 구간"),
    ("hidden", "숨김"),
    ("image", "이미지"),
    ("incident", "인시던트"),
    ("instance", "인스턴스"),
    ("instances", "인스턴스"),
    ("key pair", "키 페어"),
    ("lag", "지연"),
    ("lasted", "지속 시간"),
    ("launch template", "시작 템플릿"),
    ("launched by", "시작한 주체"),
    ("launched", "시작 시각"),
    ("launched with", "시작한 호출"),
    ("lifecycle", "구매 방식"),
    ("market", "구매 옵션"),
    ("message", "메시지"),
    ("new key", "새 키"),
    ("note", "메모"),
    ("person", "사람"),
    ("principal", "보안 주체"),
    ("profile", "인스턴스 프로파일"),
    ("public", "공개 여부"),
    ("public address", "공인 주소"),
    ("quiet", "조용했던 시간"),
    ("read", "읽음"),
    ("reason", "이유"),
    ("region", "리전"),
    ("regions", "리전"),
    ("result", "결과"),
    ("rule", "규칙"),
    ("seen", "확인된 상태"),
    ("since", "시작"),
    ("sink", "전송 대상"),
    ("subject", "대상"),
    ("subnet", "서브넷"),
    ("tags", "태그"),
    ("times", "횟수"),
    ("type", "유형"),
    ("unseen too", "함께 보이지 않는 것"),
    ("until", "끝"),
    ("user agent", "사용자 에이전트"),
    ("user data", "사용자 데이터"),
    ("waited", "기다린 시간"),
    ("waiting", "대기 중"),
    ("watched", "감시 여부"),
    ("what", "내용"),
    ("when", "시각"),
    ("who", "누가"),
    ("worst", "최고 심각도"),
];

impl Words for Korean {
    fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Critical => "심각",
            Severity::High => "높음",
            Severity::Medium => "보통",
            Severity::Low => "낮음",
            Severity::Info => "정보",
        }
    }

    fn label(&self, severity: Severity) -> &'static str {
        self.severity(severity)
    }

    fn name<'a>(&self, english: &'a str) -> &'a str {
        NAMES.iter().find(|(known, _)| *known == english).map_or(english, |(_, korean)| korean)
    }

    fn unknown(&self) -> &'static str {
        "(알 수 없음)"
    }

    fn causes(&self, causes: &[Cause<'_>]) -> String {
        let each = causes.iter().map(|cause| match cause {
            Cause::Known(days, network, tools) => {
                let parts = [("네트워크", network), ("도구", tools)];
                let parts = parts.iter().filter(|(_, what)| !what.is_empty());
                let parts: Vec<_> = parts.map(|(word, what)| format!("{word}: {what}")).collect();
                let parts = if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) };
                format!("{days}일 전부터 아는 주체{parts}")
            }
            Cause::Unknown => "처음 보는 주체".to_owned(),
            Cause::Network(network, true) => format!("이 주체도 계정의 누구도 온 적 없는 {network}에서"),
            Cause::Network(network, false) => format!("이 주체가 처음으로 {network}에서"),
            Cause::Call => "이 주체가 처음 하는 호출".to_owned(),
            Cause::Tool(tool) => format!("이 주체가 처음 쓰는 {tool}"),
            Cause::Region(region, true) => format!("이 주체도 계정의 누구도 쓴 적 없는 {region}에서"),
            Cause::Region(region, false) => format!("이 주체가 처음으로 {region}에서"),
            Cause::LeftOut("request") => "AWS가 요청 내용을 생략해 최악을 가정함".to_owned(),
            Cause::LeftOut(_) => "AWS가 응답 내용을 생략해 최악을 가정함".to_owned(),
        });
        each.collect::<Vec<_>>().join("; ")
    }

    fn hidden_name(&self) -> &'static str {
        "이 계정에 없는 사용자"
    }

    fn not_known_yet(&self) -> &'static str {
        "아직 알 수 없음"
    }

    fn regions(&self, count: u64) -> String {
        format!("리전 {count}곳")
    }

    fn accounts(&self, count: u64) -> String {
        format!("계정 {count}개")
    }

    fn regions_of_accounts(&self, regions: u64, accounts: u64) -> String {
        format!("계정 {accounts}개의 리전 {regions}곳")
    }

    fn region_of_accounts(&self, region: &str, accounts: u64) -> String {
        format!("계정 {accounts}개의 {region}")
    }

    fn and(&self, others: &str, last: &str) -> String {
        format!("{others}, {last}")
    }

    fn and_more(&self, count: u64) -> String {
        format!("외 {count}건")
    }

    fn and_more_regions(&self, count: u64) -> String {
        format!("외 리전 {count}곳")
    }

    fn more_like_it(&self, count: u64) -> String {
        format!("같은 알림 {count}건 더")
    }

    fn more_lines(&self, count: u64) -> String {
        format!("외 {count}줄")
    }

    fn what_to_do(&self) -> &'static str {
        "지금 할 일"
    }

    fn do_now(&self, more: u64) -> String {
        match more {
            0 => "지금 실행".to_owned(),
            more => format!("지금 실행(마지막 명령이 {more}가지를 더 보여 줍니다)"),
        }
    }

    fn rule_and_alert(&self, rule: &str, alert: &str) -> String {
        format!("규칙 {rule} · 알림 {alert}")
    }

    fn stages(&self) -> [&'static str; 8] {
        ["침입", "탐색", "백도어 확보", "권한 상승", "은폐", "인스턴스 시작", "데이터 탈취", "파괴"]
    }

    fn about(&self, who: &str, account: &str, stages: &str) -> String {
        format!("{account}의 {who}{}", behind(stages))
    }

    fn stolen(&self, what: Who<'_>, account: &str, stages: &str) -> String {
        let what = match what {
            Who::Key(of) => format!("{of}의 키"),
            Who::SignIn(of) => format!("{of}의 비밀번호"),
            Who::Session(of) | Who::Role(of) => format!("{of}의 세션"),
            Who::Instance(of) => format!("인스턴스 {of}의 역할"),
            Who::Root(_) => "루트(root)".to_owned(),
            Who::User(of) | Who::Person(of) | Who::Provider(of) => format!("{of}의 로그인"),
        };
        format!("{what} 탈취 의심 ({account}){}", behind(stages))
    }

    fn incident(&self, id: &str) -> String {
        format!("인시던트 {id}")
    }

    fn footer(&self, id: &str, last: &str) -> String {
        format!("인시던트 {id} · 알림은 스레드에 있습니다 · 마지막 이벤트 {last}")
    }

    fn from(&self, addresses: &str, keys: &str) -> String {
        match (addresses, keys) {
            ("", keys) => format!("키 {keys}"),
            (addresses, "") => format!("출처 {addresses}"),
            (addresses, keys) => format!("출처 {addresses}, 키 {keys}"),
        }
    }

    fn so_far(&self, parts: &str) -> String {
        format!("지금까지: {parts}")
    }

    fn alerts_in(&self, count: u64, places: &str) -> String {
        format!("{places}에서 알림 {count}건")
    }

    fn machines(&self, count: u64, accelerated: u64, place: &str) -> String {
        match accelerated {
            0 => format!("{place}에 인스턴스 {count}개"),
            all if all == count => format!("{place}에 GPU 인스턴스 {count}개"),
            some => format!("{place}에 인스턴스 {count}개(GPU {some}개)"),
        }
    }

    fn cost(&self, an_hour: &str, so_far: Option<&str>) -> String {
        let so_far = so_far.map(|so_far| format!(", 지금까지 약 {so_far}")).unwrap_or_default();
        format!("시간당 약 {an_hour}{so_far}")
    }

    fn trails_stopped(&self, trails: &str) -> String {
        format!("추적 {trails} 중지됨")
    }

    fn who(&self, who: Who<'_>) -> String {
        match who {
            Who::Root(account) => format!("{account}의 루트(root)"),
            Who::Key(id) => format!("키 {id}"),
            Who::SignIn(user) => format!("{user}의 로그인"),
            Who::User(user) => format!("사용자 {user}"),
            Who::Person(name) => name.to_owned(),
            Who::Session(name) => format!("세션 {name}"),
            Who::Role(role) => format!("역할 {role}"),
            Who::Instance(id) => format!("인스턴스 {id}"),
            Who::Provider(name) => format!("자격 증명 공급자 {name}"),
        }
    }

    fn made(&self, who: Who<'_>, made: Made<'_>) -> String {
        let who = self.who(who);
        match made {
            Made::Created(by) => format!("{who}: {by}이(가) 만듦"),
            Made::SwitchedOn(by) => format!("{who}: {by}이(가) 다시 활성화함"),
            Made::GivenPassword(by) => format!("{who}: {by}이(가) 비밀번호를 설정함"),
            Made::Issued(by) => format!("{who}: {by}에게 발급됨"),
            Made::Launched(by) => format!("{who}: {by}이(가) 시작함"),
        }
    }

    fn as_a_whole(&self, severity: Severity, why: &str) -> String {
        format!("전체로 보면 {}: {why}", self.severity(severity))
    }

    fn is_used(&self, made: &str) -> String {
        format!("{made}, 그리고 지금 쓰이고 있음")
    }

    fn within_an_hour(&self, stages: &str) -> String {
        format!("한 시간 안에 {stages}")
    }

    fn times(&self, count: u64) -> String {
        format!("{count}회")
    }

    fn state(&self, state: State<'_>) -> String {
        match state {
            State::Open => "진행 중".to_owned(),
            State::Closed => "종료됨".to_owned(),
            State::PartOf(whole) => format!("{whole}의 일부"),
            State::Acknowledged(by, "") => format!("{by}이(가) 확인 중"),
            State::Acknowledged(by, note) => format!("{by}이(가) 확인 중: {note}"),
        }
    }

    fn step(&self, step: Step<'_>) -> String {
        let text = match step {
            Step::TurnOffMadeKey => "침입자가 만든 사용자의 키를 비활성화합니다",
            Step::TurnOffKey => "키를 비활성화합니다. 이 키를 쓰는 정상 작업도 멈춥니다",
            Step::EndSessions => "지금까지 발급된 모든 세션을 끝냅니다. 정상 세션도 다시 열어야 합니다",
            Step::Root => {
                "루트(root)가 직접 실행했습니다. 루트로 로그인해 비밀번호를 바꾸고, MFA 기기를 확인하고, 액세스 키를 삭제하세요"
            }
            Step::IdentityCenter(name) => {
                return format!(
                    "{name}은(는) IAM Identity Center로 들어왔습니다. 그곳에서 이 사용자를 비활성화하세요. 세션은 한 시간 안에 끝납니다"
                );
            }
            Step::TakeMadePassword => "침입자가 만든 사용자의 비밀번호를 없앱니다",
            Step::TakePassword => "비밀번호를 없앱니다. 정상 소유자는 새 비밀번호가 필요합니다",
            Step::DenyMadeUser => "침입자가 만든 사용자의 모든 권한을 없앱니다",
            Step::Stop(region) => {
                return format!(
                    "{region}에서 시작된 것을 중지합니다(스팟 인스턴스는 종료만 할 수 있습니다: terminate-instances)"
                );
            }
            Step::StartTrail => "추적을 다시 시작합니다",
        };
        text.to_owned()
    }

    fn unseen(&self, unseen: Unseen<'_>) -> String {
        match unseen {
            Unseen::Events(regions) => format!("{regions}의 CloudTrail 이벤트"),
            Unseen::Instances(regions) => format!("{regions}의 인스턴스"),
            Unseen::EventsAndInstances(regions) => format!("{regions}의 CloudTrail 이벤트와 인스턴스"),
            Unseen::RegionsOf(account) => format!("계정 {account}의 리전 목록"),
            Unseen::RegionsOfAccounts(accounts) => format!("계정 {accounts}개의 리전 목록"),
            Unseen::Identity => "AWS 자격 증명의 계정".to_owned(),
        }
    }

    fn day(&self, day: &Day<'_>) -> String {
        match day {
            Day::FirstStart => "처음 시작한 때부터".to_owned(),
            Day::None => "없음".to_owned(),
            Day::NoExclusions => "없음: 설정된 제외가 없습니다".to_owned(),
            Day::Hidden(count, name, None) => format!("\"{name}\" {count}건"),
            Day::Hidden(count, name, Some((instance, by))) => {
                let by = if by.is_empty() { "알 수 없는 주체" } else { by };
                format!("\"{name}\" {count}건(마지막 {instance}, {by}이(가) 시작)")
            }
            Day::Covered(fresh, feeds, []) => format!("리전 피드 {feeds}개 중 {fresh}개를 제때 읽음"),
            Day::Covered(fresh, feeds, missing) => format!(
                "리전 피드 {feeds}개 중 {fresh}개를 제때 읽음, 읽지 못함 {}개: {}",
                feeds - fresh,
                missing.join("; ")
            ),
            Day::Read { in_time, regions, up_to, missing, since, read_back } => {
                let up_to = up_to.as_ref().map(|up_to| format!("{up_to}까지 ")).unwrap_or_default();
                let since = since.as_ref().map(|since| format!("{since}부터 ")).unwrap_or_default();
                let gaps = match missing {
                    0 => "빈 구간 없음".to_owned(),
                    missing => format!("빈 구간 {missing}개"),
                };
                let back = match read_back {
                    0 => String::new(),
                    read_back => format!("(다시 읽음 {read_back}개)"),
                };
                format!("리전 {regions}곳 중 {in_time}곳을 {up_to}읽음, {since}{gaps}{back}")
            }
            Day::Lag(seconds, region) => format!("최대 {seconds}초({region})"),
            Day::NotKnown => "알 수 없음".to_owned(),
            Day::Gap(title, time) => format!("{title}({time})"),
            Day::Waiting(count, sink) => format!("{sink} {count}건"),
        }
    }

    fn read_back(&self, events: u64, alerts: u64) -> String {
        format!("이벤트 {events}건, 알림 {alerts}건")
    }

    fn seconds(&self, count: u64) -> String {
        format!("{count}초")
    }

    fn up_to_date(&self) -> &'static str {
        "이벤트 기록을 다시 제때 읽고 있습니다"
    }
}

/// How far it has come, behind whom it is about.
fn behind(stages: &str) -> String {
    if stages.is_empty() { String::new() } else { format!(": {stages}") }
}
