import { faults } from './faults.js';

// The words of the pages, in both languages. A key that one of them lacks is a fault that a test finds.
export const texts = {
  en: {
    skip: 'Skip to content', runs: 'Runs', start: 'Start a run', zones: 'Capacity', language: '한국어', signOut: 'Sign out',
    noRuns: 'There are no runs yet.', noneFound: 'No run matches.', older: 'Older runs', newest: 'Newest runs',
    name: 'Name', status: 'Status', stage: 'Stage', started: 'Started', cost: 'Cost', budget: 'Budget', any: 'any',
    attempts: 'Attempts', recoveries: 'TPUs lost', estimate: 'Estimate', left: 'Left', step: 'Step', loss: 'Loss',
    rate: 'Tokens a second', checkpoint: 'Checkpoint', search: 'Name or id contains', zone: 'Zone', type: 'Type',
    outcome: 'Outcome', words: 'What the cloud said', fix: 'What to do', until: 'Passed over until',
    forget: 'Forget', forgetAll: 'Forget all', noZones: 'No refusal is remembered: every zone will be tried.',
    zonesWhy: 'Places that refused lately are passed over until the time shown, so that a search does not wait for '
      + 'them. Forget one if it would answer differently now.',
    resume: 'Resume this run', resumeWhy: 'It continues from its newest checkpoint. To change more than the budget:',
    cancel: 'Cancel this run', reason: 'Reason', leave: 'Leave it', report: 'Open the report', events: 'Events', curve: 'Loss',
    noCurve: 'No step is done yet.', verdict: 'Verdict', before: 'Base', after: 'Tuned', direction: 'Direction',
    variants: 'Variants', variantOf: 'A variant of', alive: 'Still in the cloud', aliveWhy: 'These nodes are not proved gone, and may cost money.',
    actions: 'Actions', suspend: 'Suspend this run', unsuspend: 'Continue this run', asked: 'Asked for.',
    suspendWhy: 'A suspended run gives its TPU back and costs nothing; it continues from its newest checkpoint.',
    unsuspendWhy: 'It continues from its newest checkpoint, on another TPU.', suspendedSince: 'Suspended since',
    waiting: 'Waits for capacity in', atMost: 'at most until', deadline: 'Deadline', perHour: 'Cost an hour now',
    rerun: 'Run again', rerunWhy: 'Another run of the same request.', purge: 'Delete this run',
    purgeSure: 'Delete it with its ledger and its report.', purgeArtifacts: 'Delete its checkpoints and its model, too.',
    today: 'Runs that pay, today', month: 'Runs that pay, this month', reserved: 'Reserved by budgets', limit: 'limit',
    traffic: 'Network egress', trafficWhy: 'computed, not in the cost', inEnglish: 'Details:', fixInEnglish: 'What to do:',
    failure: 'Why it did not succeed', request: 'Request (JSON)', plan: 'Show the plan', go: 'Start',
    rehearse: 'Rehearse', rehearseWhy: 'A rehearsal does the same against an emulated cloud, on the machine of the service, and costs nothing.',
    planFirst: 'Nothing is spent before you start.', order: 'Order', price: 'USD an hour', why: 'Why',
    expectedCost: 'Expected cost', expectedLosses: 'Expected losses', gotNodes: 'Nodes / requests', neverAsked: 'No request is remembered', expectedWait: 'Expected wait',
    lived: 'Lost nodes lived', assumedLife: 'No loss is remembered, assumed life', searchInVain: 'Search without a node', egress: 'Egress of the model',
    wouldStart: 'This run would start', wouldNot: 'This run would be refused', notes: 'Notes',
    wasThere: 'This run was there already.', lost: 'The service does not answer; trying again.',
    unknown: 'There is no such page.', sentences: ' sentences', of: 'of', running: 'running', seconds: 's',
    model: 'Model', examples: 'Sentences', source: 'Source', reference: 'Reference', working: 'Working…',
    pages: 'Pages', run: 'Run', readOnly: 'Your key may read; it may not act.', wentOn: 'resumed',
    refusals: 'Places passed over', seen: 'Waits and lives', noSeen: 'No node was obtained or lost lately.',
    seenWhy: 'The time until a node was usable, and the time until one was lost, as runs measured them lately.',
    obtained: 'Obtained', wait: 'Median wait', longestWait: 'Longest wait', losses: 'Lost', life: 'Median life',
    forgotten: 'Places forgotten', prices: 'List prices', pricesWhy: 'US dollars an hour for a whole slice', chips: 'Chips',
    cloud: 'Alive in the cloud', cloudWhy: 'Nodes of runs, and what the newest sweep of the cloud found that no live run uses.',
    cloudNone: 'No run has a node now.', cloudEmpty: 'Nothing is alive in the cloud.', look: 'Look into the cloud',
    cloudSwept: 'Last look into the cloud', cloudClean: 'Nothing is left over in the cloud.', cloudLeft: 'Something is left over, or could not be listed.',
    owner: 'Owner', orphan: 'Left over', marksWhy: 'Underlined words are not in the reference.',
    'owner.live-run': 'a live run', 'owner.this-service': 'this service', 'owner.unproved': 'not proved',
    'owner.other-service': 'another service', 'mode.spot': 'spot', 'mode.on-demand': 'on demand',
    'mode.flex-start': 'flex-start', 'mode.reserved': 'reserved',
    'attempt.ready': 'ready', 'attempt.refused': 'refused', 'attempt.skipped': 'skipped', 'attempt.failed': 'failed',
    'attempt.timeout': 'timed out', 'attempt.cancelled': 'cancelled', 'stage.compile': 'Compile',
    'kind.model-brought': 'Model copied', 'kind.unsent': 'Request not sent', 'kind.swept': 'Left over, deleted',
    'kind.revoked': 'Credential void', 'kind.announced': 'Announced', 'kind.found': 'Earlier work found',
    'kind.stage': 'Stage', 'kind.plan': 'Plan', 'kind.model': 'Model', 'kind.data': 'Data', 'kind.intent': 'Node requested',
    'kind.queued': 'Queued', 'kind.asking': 'Request sent', 'kind.attempt': 'Attempt', 'kind.ready': 'Node ready',
    'kind.stopped': 'Job stopped', 'kind.deletion': 'Deletion requested', 'kind.released': 'Node gone', 'kind.loss': 'TPU lost',
    'kind.recovered': 'Recovered', 'kind.switched': 'Switched to on demand',
    'kind.move-begun': 'Move to a cheaper node begun', 'kind.moved': 'Moved to a cheaper node', 'kind.move-given-up': 'Move given up',
    'kind.deadline-missed': 'Deadline missed',
    'kind.scores': 'Scores', 'kind.job': 'Job', 'kind.validation': 'Validation', 'kind.job-ended': 'Job ended',
    'kind.end': 'End', 'kind.resumed': 'Resumed', 'kind.taken': 'Earlier work taken over',
    'kind.group': 'Group of variants', 'kind.members': 'Variants', 'kind.variant-of': 'Variant of a group',
    'kind.variant-begun': 'Variant begun', 'kind.variant-ended': 'Variant ended', 'kind.offered': 'Node offered',
    'kind.handed': 'Node handed on', 'kind.received': 'Node of another variant', 'kind.suspended': 'Suspended', 'kind.unsuspended': 'Continued',
    'outcome.finer': 'Finer', 'outcome.worse': 'Worse', 'outcome.no-significant-difference': 'No significant difference',
    'outcome.identical': 'Identical translations', 'outcome.not-compared': 'Not compared',
    approve: 'Approve this run', reject: 'Reject this run', finish: 'End the training now', waitsForApproval: 'Waits for approval until',
    finishWhy: 'Training that is ended now keeps its newest step, and goes on to the evaluation.',
    'switch.deadline': 'the deadline leaves no time for another spot node', 'switch.loss-not-recoverable': 'a loss could not be made up soon',
    'switch.search-over': 'no spot node was found in time', 'switch.no-place-left': 'every spot place refused',
    'switch.too-many-losses': 'too many spot nodes were lost', 'move.back-to-spot': 'back to spot', 'move.cheaper-spot': 'cheaper spot place',
    'kind.ways': 'Other ways planned', 'kind.not-released': 'Node not given back yet',
    'kind.rate-limited': 'Asked too often, asking again later', 'kind.transferred': 'Traffic counted',
    'decision.approved': 'approved', 'decision.rejected': 'rejected', 'decision.expired': 'nobody answered in time',
    'kind.approval-asked': 'Approval asked for', 'kind.approval-decided': 'Approval', 'kind.finish': 'Training ended early',
    'kind.finish-late': 'Too late to end the training', 'stage.approve': 'Approval',
    'status.pending': 'pending', 'status.running': 'running', 'status.suspended': 'suspended',
    'status.succeeded': 'succeeded', 'status.failed': 'failed', 'status.stopped': 'stopped',
    'status.cancelled': 'cancelled', 'status.terminated': 'terminated',
    'stage.pending': 'Pending', 'stage.plan': 'Plan', 'stage.prepare': 'Prepare', 'stage.train': 'Train',
    'stage.evaluate': 'Evaluate', 'stage.teardown': 'Give back', 'stage.report': 'Report', 'stage.done': 'Done',
  },
  ko: {
    skip: '본문으로 건너뛰기', runs: '실행 목록', start: '새 실행', zones: '용량', language: 'English', signOut: '로그아웃',
    noRuns: '아직 실행이 없습니다.', noneFound: '조건에 맞는 실행이 없습니다.', older: '이전 실행', newest: '최신 실행',
    name: '이름', status: '상태', stage: '단계', started: '시작', cost: '비용', budget: '예산', any: '전체',
    attempts: '시도', recoveries: '잃은 TPU', estimate: '예상', left: '남은 시간', step: '스텝', loss: '손실',
    rate: '초당 토큰', checkpoint: '체크포인트', search: '이름 또는 ID에 포함', zone: '영역', type: '유형',
    outcome: '결과', words: '클라우드의 답', fix: '해결 방법', until: '건너뛰는 기한',
    forget: '잊기', forgetAll: '모두 잊기', noZones: '기억된 거부가 없습니다. 모든 영역을 시도합니다.',
    zonesWhy: '최근에 거부된 위치는 표시된 시각까지 건너뛰어 탐색이 기다리지 않게 합니다. 지금은 답이 다를 것 같으면 잊으십시오.',
    resume: '실행 이어가기', resumeWhy: '가장 새로운 체크포인트에서 이어집니다. 예산 외의 것을 바꾸려면:',
    cancel: '실행 취소', reason: '사유', leave: '그만두기', report: '보고서 열기', events: '이벤트', curve: '손실',
    noCurve: '아직 완료된 스텝이 없습니다.', verdict: '판정', before: '기본 모델', after: '조정된 모델', direction: '방향',
    variants: '변형', variantOf: '변형이 속한 실행:', alive: '아직 클라우드에 있음', aliveWhy: '사라진 것이 확인되지 않은 노드이며 비용이 들 수 있습니다.',
    actions: '작업', suspend: '실행 일시중지', unsuspend: '실행 계속하기', asked: '요청했습니다.',
    suspendWhy: '일시중지한 실행은 TPU를 반납하여 비용이 들지 않으며, 가장 새로운 체크포인트에서 이어집니다.',
    unsuspendWhy: '가장 새로운 체크포인트에서 다른 TPU로 이어집니다.', suspendedSince: '일시중지 시각',
    waiting: '용량을 기다리는 곳', atMost: '늦어도', deadline: '기한', perHour: '현재 시간당 비용',
    rerun: '다시 실행', rerunWhy: '같은 요청으로 새 실행을 시작합니다.', purge: '실행 삭제',
    purgeSure: '원장과 보고서까지 삭제합니다.', purgeArtifacts: '체크포인트와 모델도 삭제합니다.',
    today: '오늘 유료 실행', month: '이번 달 유료 실행', reserved: '예산으로 예약됨', limit: '한도',
    traffic: '네트워크 이그레스', trafficWhy: '계산한 값이며 비용에 포함되지 않음', inEnglish: '자세한 내용(영어):', fixInEnglish: '해결 방법(영어):',
    failure: '성공하지 못한 이유', request: '요청 (JSON)', plan: '계획 보기', go: '시작',
    rehearse: '리허설', rehearseWhy: '리허설은 서비스의 컴퓨터에서 에뮬레이션된 클라우드로 같은 작업을 하며 비용이 들지 않습니다.',
    planFirst: '시작하기 전에는 비용이 들지 않습니다.', order: '순서', price: '시간당 USD', why: '이유',
    expectedCost: '예상 총비용', expectedLosses: '예상 손실 횟수', gotNodes: '노드 확보 / 요청', neverAsked: '기억된 요청 없음', expectedWait: '예상 대기',
    lived: '회수된 노드의 평균 수명', assumedLife: '기억된 회수 없음, 가정한 수명', searchInVain: '노드를 얻지 못할 확률', egress: '모델 전송 비용',
    wouldStart: '이 실행은 시작됩니다', wouldNot: '이 실행은 거부됩니다', notes: '참고',
    wasThere: '이미 있는 실행입니다.', lost: '서비스가 응답하지 않아 다시 시도하고 있습니다.',
    unknown: '없는 페이지입니다.', sentences: '개 문장', of: '/', running: '실행 중', seconds: '초',
    model: '모델', examples: '문장', source: '원문', reference: '참조 번역', working: '처리 중…',
    pages: '페이지', run: '실행', readOnly: '이 키로는 조회만 할 수 있습니다.', wentOn: '재개',
    refusals: '건너뛰는 위치', seen: '대기 시간과 수명', noSeen: '최근에 확보하거나 잃은 노드가 없습니다.',
    seenWhy: '실행이 최근에 측정한, 노드를 사용할 수 있게 될 때까지의 시간과 노드를 잃을 때까지의 시간입니다.',
    obtained: '확보', wait: '대기 중앙값', longestWait: '최장 대기', losses: '손실된 노드', life: '수명 중앙값',
    forgotten: '기억에서 지운 위치', prices: '정가', pricesWhy: '슬라이스 전체의 시간당 가격(USD)', chips: '칩',
    cloud: '클라우드에 있는 리소스', cloudWhy: '실행이 사용하는 노드와, 마지막 클라우드 조회에서 찾은 어떤 실행도 쓰지 않는 리소스입니다.',
    cloudNone: '지금 노드를 사용하는 실행이 없습니다.', cloudEmpty: '클라우드에 남아 있는 리소스가 없습니다.', look: '클라우드 조회',
    cloudSwept: '마지막 클라우드 조회', cloudClean: '클라우드에 남은 리소스가 없습니다.', cloudLeft: '남은 리소스가 있거나 일부를 조회하지 못했습니다.',
    owner: '소유자', orphan: '남은 리소스', marksWhy: '밑줄 친 단어는 참조 번역에 없습니다.',
    'owner.live-run': '진행 중인 실행', 'owner.this-service': '이 서비스', 'owner.unproved': '확인되지 않음',
    'owner.other-service': '다른 서비스', 'mode.spot': '스팟', 'mode.on-demand': '주문형',
    'mode.flex-start': '유연 시작', 'mode.reserved': '예약',
    'attempt.ready': '준비됨', 'attempt.refused': '거부됨', 'attempt.skipped': '건너뜀', 'attempt.failed': '실패',
    'attempt.timeout': '시간 초과', 'attempt.cancelled': '취소됨', 'stage.compile': '컴파일',
    'kind.model-brought': '모델 복사됨', 'kind.unsent': '요청을 보내지 않음', 'kind.swept': '남은 리소스 삭제',
    'kind.revoked': '사용자 인증 정보 폐기', 'kind.announced': '알림 전송', 'kind.found': '이전 작업 확인',
    'kind.stage': '단계', 'kind.plan': '계획', 'kind.model': '모델', 'kind.data': '데이터', 'kind.intent': '노드 요청',
    'kind.queued': '대기열에 추가됨', 'kind.asking': '요청 전송', 'kind.attempt': '시도', 'kind.ready': '노드 준비됨',
    'kind.stopped': '작업 중지', 'kind.deletion': '삭제 요청', 'kind.released': '노드 삭제 확인', 'kind.loss': 'TPU 손실',
    'kind.recovered': '복구됨', 'kind.switched': '주문형으로 전환',
    'kind.move-begun': '더 저렴한 노드로 이동 시작', 'kind.moved': '더 저렴한 노드로 이동함', 'kind.move-given-up': '이동 포기',
    'kind.deadline-missed': '기한 초과',
    'kind.scores': '점수', 'kind.job': '작업', 'kind.validation': '검증', 'kind.job-ended': '작업 종료',
    'kind.end': '종료', 'kind.resumed': '재개됨', 'kind.taken': '이전 작업 이어받음',
    'kind.group': '변형 그룹', 'kind.members': '변형 목록', 'kind.variant-of': '변형이 속한 그룹',
    'kind.variant-begun': '변형 시작', 'kind.variant-ended': '변형 종료', 'kind.offered': '노드 제공',
    'kind.handed': '노드 넘겨줌', 'kind.received': '다른 변형의 노드', 'kind.suspended': '일시중지됨', 'kind.unsuspended': '계속됨',
    'outcome.finer': '더 나음', 'outcome.worse': '더 나쁨', 'outcome.no-significant-difference': '유의미한 차이 없음',
    'outcome.identical': '번역이 같음', 'outcome.not-compared': '비교하지 않음',
    approve: '실행 승인', reject: '실행 거부', finish: '지금 학습 마치기', waitsForApproval: '승인을 기다리는 기한',
    finishWhy: '지금 학습을 마치면 가장 새로운 스텝의 모델로 평가를 진행합니다.',
    'switch.deadline': '기한까지 다른 스팟 노드를 쓸 시간이 없음', 'switch.loss-not-recoverable': '곧 손실을 만회할 수 없게 됨',
    'switch.search-over': '제때 스팟 노드를 찾지 못함', 'switch.no-place-left': '모든 스팟 위치가 거부함',
    'switch.too-many-losses': '스팟 노드를 너무 많이 잃음', 'move.back-to-spot': '스팟으로 복귀', 'move.cheaper-spot': '더 저렴한 스팟 위치',
    'kind.ways': '다른 방법 예상', 'kind.not-released': '노드 반납 지연',
    'kind.rate-limited': '요청이 너무 잦아 나중에 다시 요청', 'kind.transferred': '전송량 집계',
    'decision.approved': '승인됨', 'decision.rejected': '거부됨', 'decision.expired': '기한 안에 답이 없음',
    'kind.approval-asked': '승인 요청', 'kind.approval-decided': '승인 결과', 'kind.finish': '학습 조기 종료',
    'kind.finish-late': '학습이 끝난 뒤의 조기 종료 요청', 'stage.approve': '승인',
    'status.pending': '대기', 'status.running': '실행 중', 'status.suspended': '일시중지',
    'status.succeeded': '성공', 'status.failed': '실패', 'status.stopped': '멈춤',
    'status.cancelled': '취소됨', 'status.terminated': '강제 종료',
    'stage.pending': '대기', 'stage.plan': '계획', 'stage.prepare': '준비', 'stage.train': '학습',
    'stage.evaluate': '평가', 'stage.teardown': '반납', 'stage.report': '보고', 'stage.done': '완료',
  },
};

const stored = () => {
  try {
    return localStorage.getItem('language');
  } catch {
    return null; // Storage may be off.
  }
};

// What a run does in a stage, in the service's words.
const details = {
  'choosing zones and estimating the cost': '영역을 고르고 비용을 예상하는 중',
  'looking for the work that is done': '이미 끝난 작업을 찾는 중',
  'taking over the work of another run': '다른 실행의 작업을 넘겨받는 중',
  'cleaning and splitting the corpus': '말뭉치를 정리하고 나누는 중',
  'approved; planning with the prices and capacity of now': '승인됨, 현재 가격과 용량으로 다시 계획하는 중',
  'getting a TPU and fine-tuning on it': 'TPU를 확보해 미세 조정하는 중',
  'translating the test set with both models': '두 모델로 테스트 세트를 번역하는 중',
  'giving back every node of the run': '실행의 모든 노드를 반납하는 중',
  'writing the report': '보고서를 작성하는 중',
  'looking for the variants that are done': '이미 끝난 변형을 찾는 중',
  'estimating the cost of all variants together': '모든 변형의 비용을 함께 예상하는 중',
  'cleaning and splitting the corpus of all variants': '모든 변형의 말뭉치를 정리하고 나누는 중',
  'comparing the variants': '변형을 비교하는 중',
  'suspending: stopping the worker': '일시중지하려고 워커를 멈추는 중',
  'suspending: giving back every node of the run': '일시중지하려고 실행의 모든 노드를 반납하는 중',
  'suspended: the run has no node and costs nothing': '일시중지됨, 노드가 없어 비용이 들지 않음',
};

// Those with figures and names in them.
const figures = [
  [/^(\d+) of (\d+) variants done; under way: (.*)$/, (done, all, names) => `변형 ${all}개 중 ${done}개 완료, 진행 중: ${names}`],
  [/^reading the model for its hash: (.+) of (.+)$/, (done, all) => `해시를 계산하려고 모델을 읽는 중: ${all} 중 ${done}`],
  [/^bringing the model: (.+) of (.+)$/, (done, all) => `모델을 가져오는 중: ${all} 중 ${done}`],
];

const known = stored();

// The language that was chosen here, or the first of the browser's that the pages know, as in Accept-Language.
export let language = known in texts ? known : (navigator.languages ?? []).map((each) => each.slice(0, 2).toLowerCase()).find((each) => each in texts) ?? 'en';

// Explains a code of a failure or a refusal; null where its own words say it in the reader's language.
export const explain = (code) => language === 'ko' ? faults[code] ?? null : null;

// Says a detail of a stage in the reader's language; null where only the service's words say it.
export const describe = (detail) => {
  if (language === 'en' || detail == null || detail in details) {
    return language === 'en' ? detail : details[detail] ?? null;
  }

  const [pattern, words] = figures.find(([each]) => each.test(detail)) ?? [];
  return pattern ? words(...detail.match(pattern).slice(1)) : null;
};

// Says a person's reason, with the words that the service puts around it.
export const by = (reason) => language === 'en' || typeof reason !== 'string' ? reason
  : reason === 'asked for by the API' ? 'API 요청'
    : reason.replace(/^asked for by (.+)$/, '요청한 사람: $1').replace(/ \(by ([^()]+)\)$/, ' (요청한 사람: $1)');

export const t = (key) => texts[language][key] ?? key;

export const setLanguage = (next) => {
  language = next;
  try {
    localStorage.setItem('language', next);
  } catch {
    // Lasts as long as the page.
  }
};

export const number = (value, digits = 0) => value == null || !Number.isFinite(value) ? '–'
  : value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const usd = (value) => value == null ? '–' : `${number(value, 2)} USD`;

export const usdAnHour = (value) => value == null ? '–' : language === 'ko' ? `시간당 ${usd(value)}` : `${usd(value)} an hour`;

export const time = (value) => new Date(value).toLocaleString(language, { dateStyle: 'short', timeStyle: 'medium' });

export const duration = (seconds) => {
  if (seconds == null || !Number.isFinite(seconds)) {
    return '–';
  }

  const [hours, minutes, rest] = language === 'ko' ? ['시간', '분', '초'] : [' h', ' min', ' s'];
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}${hours} ${m}${minutes}` : m > 0 ? `${m}${minutes} ${s}${rest}` : `${s}${rest}`;
};
