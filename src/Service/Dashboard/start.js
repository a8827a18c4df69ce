import { post, problemOf } from './api.js';
import { el, labelled, replace, said, section, table } from './dom.js';
import { may } from './session.js';
import { duration, explain, number, t, usd, usdAnHour } from './text.js';

const example = JSON.stringify({
  name: 'hotel messages, Korean to English', direction: 'ko-en', model: '/path/to/gemma-3-270m-it',
  data: { train: '/path/to/train.tsv' }, tpu: { acceleratorTypes: ['v5litepod-8'] },
  training: { steps: 400, batchSize: 16 }, budgetUsd: 1, rehearsal: {},
}, null, 2);

const got = (past) => past?.requests > 0 ? `${number(past.nodes)} / ${number(past.requests)}` : '–';

// Why a place is where it is in the order, in the reader's language; the service's own words are English.
const reasons = ({ expected, provisioning, usdPerHour }) => expected ? el('div', {}, [
  `${t(`mode.${provisioning}`)} ${usdAnHour(usdPerHour)}: ${usd(expected.workUsd)}`,
  expected.past.requests > 0 ? `${t('gotNodes')} ${got(expected.past)}` : t('neverAsked'),
  expected.expectedWaitSeconds > 0 ? `${t('expectedWait')} ${duration(expected.expectedWaitSeconds)}` : null,
  expected.expectedLifeSeconds == null ? null
    : expected.past.losses > 0 ? `${t('lived')} ${duration(expected.past.lifeSeconds)} (${number(expected.past.losses)})`
      : `${t('assumedLife')} ${duration(expected.expectedLifeSeconds)}`,
  expected.expectedLifeSeconds == null ? null : `${t('expectedLosses')} ${number(expected.expectedLosses, 1)}: +${usd(expected.lossUsd)}`,
  expected.inVainShare >= 0.005 ? `${t('searchInVain')} ${number(100 * expected.inVainShare)} %: +${usd(expected.inVainUsd)}` : null,
  expected.egressUsd > 0 ? `${t('egress')} +${usd(expected.egressUsd)}` : null,
].filter(Boolean).join(' · ')) : null;

const draft = { text: example };

export const start = (main) => {
  if (!may('runner')) {
    replace(main, el('h1', {}, t('start')), el('p', {}, t('readOnly')));
    return;
  }

  const request = el('textarea', { id: 'request', spellcheck: 'false', oninput: () => { draft.text = request.value; } });
  request.value = draft.text;
  const faults = el('div', { role: 'alert' });
  const plan = el('div');
  // The same key until it starts: a second press of the button, or one after a broken connection, starts no second run.
  let key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

  const during = async (button, work) => {
    button.disabled = true;
    replace(faults);
    try {
      await work();
    } catch (fault) {
      replace(faults, el('section', { class: 'alert' }, explain(fault.code) ? el('p', {}, explain(fault.code)) : null,
        fault.message.split('\n').map((line, at) => el('p', {}, at === 0 ? labelled('inEnglish', line) : said(line)))));
    } finally {
      button.disabled = false;
    }
  };

  const show = (event) => during(event.target, async () => {
    const found = await post('/plan', request.value);
    replace(plan, section(t(found.starts ? 'wouldStart' : 'wouldNot'),
      found.refusal ? [el('p', { class: 'failed' }, `${found.refusal.code} `, explain(found.refusal.code)),
        el('p', {}, labelled('inEnglish', `${found.refusal.message} ${found.refusal.fix}`))] : null,
      el('p', {}, `${t('estimate')}: ${usd(found.estimatedUsd)}, ${duration(found.estimatedSeconds)} · ${t('budget')}: ${usd(found.budgetUsd)}`),
      table([{ text: t('order'), class: 'n' }, { text: t('zone'), class: 'tight' }, { text: t('type'), class: 'tight' }, { text: t('price'), class: 'n' }, { text: t('cost'), class: 'n' },
        { text: t('expectedCost'), class: 'n' }, { text: t('expectedLosses'), class: 'n optional' }, { text: t('gotNodes'), class: 'n optional' }, { text: t('why'), class: 'long' }],
      found.places.map((place) => [number(place.order), place.zone, `${place.acceleratorType} ${t(`mode.${place.provisioning}`)}`,
        number(place.usdPerHour, 2), usd(place.usd), usd(place.expected?.expectedUsd), number(place.expected?.expectedLosses, 1), got(place.expected?.past),
        el('td', { class: 'long' }, reasons(place), el('div', { class: 'soft' }, said(place.memorySource ? `${place.memorySource}: ${place.why}` : place.why)))])),
      el('details', {}, el('summary', {}, t('notes')), [...found.assumptions, ...found.notes].map((note) => el('p', { class: 'soft' }, said(note))))));
  });

  const go = (event) => during(event.target, () => begin(request.value, key));

  // The same request against the emulated cloud, as a run of its own: its id is left to the request that pays.
  const rehearse = (event) => during(event.target, () => begin(rehearsalOf(request.value), `${key}-rehearsal`));

  const begin = async (text, sent) => {
    const answer = await fetch('/runs', {
      method: 'POST', body: text, headers: { 'Content-Type': 'application/json', 'Idempotency-Key': sent },
    });
    const body = await answer.json();
    if (!answer.ok) {
      key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
      throw problemOf(answer, body);
    }

    location.hash = `#/runs/${body.id}`;
  };

  replace(main, el('h1', {}, t('start')), el('p', { class: 'soft' }, t('planFirst')),
    section(t('request'), el('label', { for: 'request' }, t('request')), request,
      el('p', { class: 'bar' }, el('button', { type: 'button', onclick: show }, t('plan')),
        el('button', { type: 'button', id: 'rehearse', onclick: rehearse }, t('rehearse')),
        el('button', { type: 'button', id: 'go', class: 'first', onclick: go }, t('go'))),
      el('p', { class: 'soft' }, t('rehearseWhy'))), faults, plan);
};

// Turns a request into a rehearsal of it; a text that is no request is left for the service to refuse.
const rehearsalOf = (text) => {
  try {
    const { id, rehearsal, ...rest } = JSON.parse(text);
    return JSON.stringify({ ...rest, rehearsal: rehearsal ?? {} });
  } catch {
    return text;
  }
};
