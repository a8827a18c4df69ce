import { said } from './dom.js';
import { by, explain, language, number, t, texts } from './text.js';

// Causes of a loss: states of the node, and what the service found out about its worker.
const causes = {
  PREEMPTED: '선점됨', TERMINATED: '종료됨', STOPPING: '중지되는 중', STOPPED: '중지됨', DELETING: '삭제되는 중',
  HIDING: '숨겨지는 중', HIDDEN: '숨겨짐', NOT_FOUND: '사라짐', REPAIRING: '수리 중', RESTARTING: '다시 시작되는 중',
  WORKER_SILENT: '워커의 응답 없음', DEVICE_LOST: 'TPU 장치를 쓸 수 없음', RUN_DURATION_OVER: '최대 사용 시간이 지남',
};

// A code in the reader's words where there are some, with those of whoever gave it otherwise.
const fault = ({ code, message }) => code || message
  ? [code, explain(code) ?? (message && message !== code ? said(message.slice(0, 400)) : null)] : [];

// What each kind of event tells beside its name. Sets and codes are the page's words, those of people are theirs, and
// the rest is the service's or the cloud's, in English.
const rests = {
  stage: () => [],
  'approval-decided': (data) => [t(`decision.${data.outcome}`), data.by, data.reason],
  finish: (data) => [data.by, `${t('step')} ${number(data.step)}`, data.reason],
  'finish-late': (data) => [data.by, data.reason],
  suspended: (data) => [by(data.reason)],
  unsuspended: (data) => [by(data.reason)],
  resumed: (data) => [data.by, by(data.reason)],
  switched: (data) => [t(`switch.${data.reason}`)],
  loss: (data) => [data.zone, language === 'ko' ? causes[data.cause] ?? said(data.cause) : data.cause],
  attempt: (data) => fault({ code: data.refusal?.code, message: data.refusal?.reason }),
  'job-ended': (data) => fault(data.end ?? {}),
  end: (data) => [data.status && t(`status.${data.status}`), ...fault(data.failure ?? {})],
  'variant-ended': (data) => [data.status && t(`status.${data.status}`), ...fault(data.failure ?? {})],
  'move-begun': (data) => moveOf(data),
  moved: (data) => moveOf(data),
  'move-given-up': (data) => [...moveOf(data), ...fault({ code: data.why })],
};

const moveOf = (data) => [data.move?.reason && t(`move.${data.move.reason}`)];

const others = (data) => {
  const words = data.detail ?? data.state ?? data.cause;
  return [words && said(`${words}`.slice(0, 400)), ...fault({ code: data.code ?? data.errorCode, message: data.reason ?? data.message })];
};

// Says an event in a line.
export const sayEvent = (each) => {
  const data = each.data ?? {};
  const kind = `kind.${each.kind}`;
  const subject = each.kind === 'stage' ? t(`stage.${data.stage}`) : each.key === each.kind || /^(approval|finish)/.test(each.kind) ? null : each.key.split('/').at(-1);
  const outcome = each.kind === 'approval-decided' ? null : data.outcome && `attempt.${data.outcome}` in texts.en ? t(`attempt.${data.outcome}`) : data.outcome;
  const first = [kind in texts.en ? t(kind) : each.kind, subject, outcome].filter((part) => typeof part === 'string' && part.length > 0);
  const rest = (rests[each.kind] ?? others)(data).filter((part) => part && (part.textContent ?? part) !== each.kind && !first.includes(part));
  return [first.join(' · '), rest.map((part) => [' · ', part])];
};
