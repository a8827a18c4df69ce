import { because, controls, endings, mayFinish } from './actions.js';
import { get, post, Problem } from './api.js';
import { lossChart } from './chart.js';
import { el, labelled, numbers, replace, said, sayFault, section, table, tell } from './dom.js';
import { sayEvent } from './events.js';
import { badge } from './runs.js';
import { may } from './session.js';
import { by, describe, duration, explain, language, number, t, time, usd } from './text.js';
import { marked } from './words.js';

const stages = ['plan', 'prepare', 'approve', 'train', 'evaluate', 'teardown', 'report'];

// One run, live by its event stream, which the browser takes up again after a break where it stopped.
export const run = (main, connected, id) => {
  const parts = Object.fromEntries(['top', 'variants', 'stages', 'curve', 'verdict', 'attempts', 'alive', 'actions', 'events']
    .map((name) => [name, el('div')]));
  const events = [];
  let view = null;
  let egress = null;
  let drawn = null;
  let isLeft = false;
  let timer;
  let source;
  let timerOfStream;

  const drawRun = () => {
    tell(`${t(`status.${view.status}`)}, ${t(`stage.${view.stage}`)}`);
    document.title = `${view.name || view.id} · Workflows`;
    const progress = view.progress;
    replace(parts.top,
      el('h1', {}, view.name || view.id), el('p', { class: 'soft' }, `${view.id} · ${time(view.createdAt)}`),
      view.failure ? el('section', { class: 'alert' }, el('h2', {}, t('failure')),
        el('p', {}, el('strong', {}, view.failure.code), ' ', explain(view.failure.code)), el('p', {}, labelled('inEnglish', view.failure.message)),
        el('p', {}, labelled('fixInEnglish', view.failure.fix))) : null,
      el('section', {}, el('p', {}, badge(view.status), ' ', view.detail === view.status || (view.approval && !view.suspension) ? '' : describe(view.detail) ?? said(view.detail)),
        (view.suspension ? [`${t('suspendedSince')} ${time(view.suspension.since)}: ${by(view.suspension.reason)}`] : [])
          .concat(view.approval ? [approvalOf(view.approval)] : [], view.waiting ? [`${t('waiting')} ${view.waiting.zone}, ${t('atMost')} ${time(view.waiting.until)}`] : [],
            view.deadline ? [`${t('deadline')} ${time(view.deadline.at)}`] : []).map((line) => el('p', { class: 'soft' }, line)),
        progress ? el('progress', { max: progress.steps, value: progress.step, 'aria-label': t('step') }) : null,
        numbers([
          [t('cost'), usd(view.accruedUsd), `${t('of')} ${usd(view.budgetUsd)}`],
          ...(view.usdPerHour > 0 ? [[t('perHour'), usd(view.usdPerHour)]] : []),
          ...(egress ? [[t('traffic'), usd(egress.usd), `${number((egress.bytesRead + egress.bytesWritten) / 1e9, 3)} GB, ${t('trafficWhy')}`]] : []),
          [t('estimate'), usd(view.estimatedUsd)], [t('attempts'), number(view.attempts)],
          [t('recoveries'), number(view.recoveries)],
          ...(progress ? [
            [t('step'), number(progress.step), `${t('of')} ${number(progress.steps)}`],
            [t('loss'), number(progress.loss, 3)], [t('rate'), number(progress.tokensPerSecond)],
            [t('checkpoint'), number(progress.checkpointStep)], [t('left'), duration(progress.secondsLeft)]] : [])]),
        el('meter', { min: 0, max: view.budgetUsd, high: view.budgetUsd * 0.8, value: view.accruedUsd, 'aria-label': t('cost') })));
    replace(parts.variants, view.group
      ? el('p', {}, `${t('variantOf')} `, el('a', { href: `#/runs/${view.group}` }, view.group))
      : view.variants ? section(t('variants'), table(
        [t('name'), t('status'), t('stage'), { text: t('step'), class: 'n' }, { text: t('cost'), class: 'n' }],
        view.variants.map((each) => [
          each.status === 'pending' ? each.name : el('td', {}, el('a', { href: `#/runs/${each.id}`, id: `run-${each.id}` }, each.name)),
          badge(each.status), each.failure ? each.failure.code : t(`stage.${each.stage}`),
          each.steps ? `${number(each.step)}/${number(each.steps)}` : '', usd(each.accruedUsd)]))) : null);
    replace(parts.alive, view.nodes.length === 0 ? null : section(t('alive'), el('p', { class: 'soft' }, t('aliveWhy')),
      table([t('name'), t('zone'), { text: t('running'), class: 'n' }, { text: t('cost'), class: 'n' }],
        view.nodes.map((node) => [node.node, node.zone, duration(node.seconds), usd(node.usd)]))));
    // Drawn anew only when there is something else to do: what a person has typed stays.
    const isOver = view.hasEnded || view.report;
    const todo = isOver ? `report ${view.hasEnded} ${view.resume}` : `control ${!!view.suspension} ${!!view.approval} ${mayFinish(view)}`;
    if (todo !== drawn) {
      drawn = todo;
      replace(parts.actions, isOver
        ? [el('p', {}, el('a', { href: `/runs/${id}/report.html?lang=${language}` }, t('report'))), view.resume && may('runner') ? resumeForm() : null,
          view.hasEnded ? endings(view) : null]
        : controls(view, () => replace(parts.actions)));
    }
  };

  // A part of a run that stopped goes on from its newest checkpoint; the command can change more than the budget.
  const resumeForm = () => {
    const asked = Number(view.resume.match(/budgetUsd=([\d.]+)/)?.[1] ?? view.budgetUsd);
    const budget = el('input', { id: 'budget', type: 'number', min: 0.01, step: 0.01, required: true, value: asked });
    const reason = el('input', { id: 'resume-reason', required: true, maxlength: 500 });
    const answer = el('p', { role: 'alert' });
    return section(t('resume'), el('p', { class: 'soft' }, t('resumeWhy'), ' ', el('code', {}, view.resume)), el('form', {
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          await post(`/runs/${id}/resume?${because(reason)}`, JSON.stringify({ budgetUsd: Number(budget.value) }));
          location.reload();
        } catch (fault) {
          sayFault(answer, fault);
        }
      },
    }, el('label', {}, t('budget'), budget), el('label', {}, t('reason'), reason), el('button', {}, t('resume'))), answer);
  };

  const drawEvents = () => {
    const entered = events.filter((each) => each.kind === 'stage');
    const current = entered.at(-1)?.data.stage;
    replace(parts.stages, section(t('stage'), el('ol', { class: 'stages' }, stages.filter((each) => each !== 'approve' || entered.some((one) => one.data.stage === each)).map((stage) => {
      const at = entered.findIndex((each) => each.data.stage === stage);
      const next = entered[at + 1];
      const isNow = stage === current && !view?.hasEnded;
      return el('li', { class: at < 0 ? '' : isNow ? 'now' : 'done', 'aria-current': isNow && 'step' }, t(`stage.${stage}`),
        at < 0 ? null : el('small', {}, next ? duration((new Date(next.at) - new Date(entered[at].at)) / 1000) : describe(entered[at].data.detail)));
    }))));
    replace(parts.events, section(t('events'), el('ul', { class: 'events', tabindex: 0, 'aria-label': t('events') },
      events.slice(-300).reverse().map((each) => el('li', {}, el('time', { datetime: each.at }, time(each.at)), sayEvent(each))))));
  };

  const drawSlow = async () => {
    clearTimeout(timer);
    try {
      const [points, attempts, cost] = await Promise.all(['metrics?points=400', 'attempts', 'cost'].map((part) => get(`/runs/${id}/${part}`)));
      const report = view?.hasEnded || view?.report ? await get(`/runs/${id}/report`).catch(() => null) : null;
      if (isLeft) {
        return;
      }

      if (JSON.stringify(egress) !== JSON.stringify(cost.egress ?? null)) {
        egress = cost.egress ?? null;
        drawRun();
      }

      const resumed = events.filter((each) => each.kind === 'loss').map((each) => each.data.fromStep)
        .filter((step) => step != null);
      replace(parts.curve, section(t('curve'), lossChart(points, resumed)));
      replace(parts.attempts, attempts.length === 0 ? null : section(t('attempts'), table(
        [{ text: '#', class: 'n' }, { text: t('zone'), class: 'tight' }, { text: t('type'), class: 'tight optional' }, t('outcome'),
          { text: t('words'), class: 'long' }, { text: t('fix'), class: 'long optional' }],
        attempts.map((each) => [number(each.attempt), each.zone, `${each.acceleratorType} ${t(`mode.${each.provisioning}`)}`,
          el('span', { class: `badge ${each.outcome}` }, each.code ?? t(`attempt.${each.outcome}`)), said(each.reason), explain(each.code) ?? said(each.fix)]))));
      replace(parts.verdict, (report?.verdicts ?? []).map((verdict) => section(`${t('verdict')}: ${verdict.direction}`,
        el('p', { class: outcomeOf(verdict) }, el('strong', {}, t(`outcome.${outcomeOf(verdict)}`)), ' ', gain(verdict)),
        (verdict.notes ?? []).map((note) => el('p', { class: 'soft' }, said(note))),
        table([t('model'), { text: 'BLEU', class: 'n' }, { text: 'chrF++', class: 'n' }], [[t('before'), verdict.base], [t('after'), verdict.tuned]].map(([name, score]) => [name, number(score?.bleu, 2), number(score?.chrf, 2)])),
        verdict.examples?.length ? el('details', {}, el('summary', {}, t('examples')), el('p', { class: 'soft' }, t('marksWhy')), table(
          [t('source'), t('reference'), t('before'), t('after')].map((text) => ({ text, class: 'long' })),
          verdict.examples.map((row) => {
            const [from, to] = (verdict.direction ?? '').split('-');
            return [[from, row.source], [to, row.reference], [to, marked(row.reference, row.base)], [to, marked(row.reference, row.tuned)]]
              .map(([lang, text]) => el('td', { class: 'long', lang }, text));
          }))) : null)));
    } catch {
      // The stream tells whether the service is there.
    }

    if (!isLeft && !view?.hasEnded) {
      timer = setTimeout(drawSlow, 5000);
    }
  };

  const open = () => {
    source = new EventSource(`/runs/${id}/events?after=${events.at(-1)?.sequence ?? 0}`);
    source.addEventListener('open', () => connected(true));
    source.addEventListener('error', () => {
      connected(false);
      // A browser takes up a broken stream by itself, from Last-Event-ID, but gives up at an answer that is none: that of
      // a proxy without its service, or of a service that has just started.
      if (source.readyState === EventSource.CLOSED && !isLeft) {
        timerOfStream = setTimeout(open, 3000);
      }
    });
    source.addEventListener('event', (message) => {
      const line = JSON.parse(message.data);
      if (line.sequence > (events.at(-1)?.sequence ?? 0)) {
        events.push(line);
        drawEvents();
      }
    });
    source.addEventListener('run', (message) => {
      view = JSON.parse(message.data);
      drawRun();
    });
    source.addEventListener('end', () => {
      source.close();
      drawEvents();
      drawSlow();
    });
  };

  const begin = async () => {
    try {
      view = await get(`/runs/${encodeURIComponent(id)}`);
    } catch (fault) {
      if (!isLeft && fault instanceof Problem) {
        const answer = el('p', { role: 'alert' });
        sayFault(answer, fault);
        replace(main, answer);
      } else if (!isLeft) {
        connected(false);
        timer = setTimeout(begin, 3000);
      }

      return;
    }

    if (!isLeft) {
      replace(main, parts.top, parts.variants, parts.stages, parts.curve, parts.verdict, parts.attempts, parts.alive, parts.actions, parts.events);
      drawRun();
      open();
      await drawSlow();
    }
  };

  begin();
  return () => {
    isLeft = true;
    clearTimeout(timer);
    clearTimeout(timerOfStream);
    source?.close();
  };
};

const outcomeOf = (verdict) => (verdict.outcome ?? (verdict.finer ? 'finer' : 'no significant difference')).replaceAll(' ', '-');

const gain = (verdict) => `${verdict.bleuDelta > 0 ? '+' : ''}${number(verdict.bleuDelta, 2)} BLEU`
  + `${verdict.pValue == null ? '' : `, p = ${number(verdict.pValue, 4)}`}, ${number(verdict.testPairs)}${t('sentences')}`;

// The question that a person is to answer.
const approvalOf = (asked) => `${t('waitsForApproval')} ${time(asked.until)} · ${t('estimate')} ${usd(asked.estimatedUsd)}, ${duration(asked.estimatedSeconds)} · ${t('budget')} ${usd(asked.budgetUsd)}`;
