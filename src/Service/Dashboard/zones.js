import { askReason, because } from './actions.js';
import { call, get, post, Problem, remove } from './api.js';
import { el, replace, said, sayDone, sayFault, section, table } from './dom.js';
import { may } from './session.js';
import { duration, explain, number, t, time, usd, usdAnHour } from './text.js';

// Capacity: what is remembered of places, everything that is alive in the cloud, and the list prices.
export const zones = (main, connected) => {
  const [list, seen, cloud, prices, told] = [el('div'), el('div'), el('div'), el('div'), el('p', { role: 'status' })];
  let timer;
  let isLeft = false;
  let swept = null;
  let live = [];

  const look = async () => {
    clearTimeout(timer);
    try {
      const [found, lived, running, last] = await Promise.all([
        get('/zones'), get('/zones/seen'), everyRun('/runs?limit=500&status=pending,running,suspended'), get('/sweep')]);
      if (isLeft) {
        return;
      }

      connected(true);
      swept = last;
      live = running.flatMap((run) => run.nodes.map((node) => ({ run, node })));
      replace(list, section(t('refusals'), el('p', { class: 'soft' }, t('zonesWhy')), refusals(found)));
      replace(seen, section(t('seen'), el('p', { class: 'soft' }, t('seenWhy')), places(lived)));
      drawCloud();
    } catch (fault) {
      connected(fault instanceof Problem);
    }

    if (!isLeft) {
      timer = setTimeout(look, 5000);
    }
  };

  // All pages: a node that is not shown is a node that is forgotten.
  const everyRun = async (path) => {
    const runs = [];
    for (let next = path; next;) {
      const page = await call(next);
      runs.push(...page.body);
      next = page.next;
    }

    return runs;
  };

  const refusals = (found) => found.length === 0 ? el('p', {}, t('noZones')) : [
    table([{ text: t('zone'), class: 'tight' }, { text: t('type'), class: 'tight optional' },
      { text: t('until'), class: 'tight' }, { text: t('words'), class: 'long' }, ...(may('admin') ? [t('forget')] : [])],
    found.map((each) => [
      each.place, typeOf(each), time(each.until), el('td', { class: 'long' }, el('strong', {}, each.code), ' ', explain(each.code), ' ', said(each.reason)),
      ...(may('admin') ? [forgetButton(each, 'refusal')] : [])])),
    may('admin') ? el('p', {}, el('button', { type: 'button', id: 'forget-all', onclick: () => forget('/zones', t('forgetAll')) }, t('forgetAll'))) : null];

  const places = (found) => found.length === 0 ? el('p', {}, t('noSeen')) : table(
    [{ text: t('zone'), class: 'tight' }, { text: t('type'), class: 'tight' }, { text: t('obtained'), class: 'n' },
      { text: t('wait'), class: 'n' }, { text: t('longestWait'), class: 'n optional' }, { text: t('losses'), class: 'n' },
      { text: t('life'), class: 'n optional' }, ...(may('admin') ? [t('forget')] : [])],
    found.map((each) => [
      each.place, typeOf(each), each.inVain ? `${number(each.nodes)} / ${number(each.nodes + each.inVain)}` : number(each.nodes), duration(each.waitSeconds), duration(each.longestWaitSeconds),
      number(each.losses), duration(each.lifeSeconds), ...(may('admin') ? [forgetButton(each, 'seen')] : [])]));

  const typeOf = (each) => `${each.acceleratorType} ${t(`mode.${each.provisioning}`)}`;

  const forgetButton = (each, kind) => el('button', {
    type: 'button', id: `forget-${kind}-${each.project}-${each.place}-${each.acceleratorType}-${each.provisioning}`,
    'aria-label': `${t('forget')}: ${each.place} ${typeOf(each)}`, onclick: () => forget(`/zones/${encodeURIComponent(each.place)}?${new URLSearchParams({
      type: each.acceleratorType, mode: each.provisioning, project: each.project })}`, `${t('forget')}: ${each.place} ${typeOf(each)} (${each.project})`),
  }, t('forget'));

  const forget = async (path, what) => {
    const reason = await askReason(what);
    if (reason === null) {
      return;
    }

    try {
      const { forgotten } = await remove(`${path}${path.includes('?') ? '&' : '?'}${because(reason)}`);
      sayDone(told, `${t('forgotten')}: ${number(forgotten)}`);
    } catch (fault) {
      // Another one forgot it first, or it has expired.
      connected(fault instanceof Problem);
    }

    await look();
  };

  // Nodes of runs are known to the service; the newest sweep tells what else is there. Red is what costs this service's
  // people money: resources of another service are its own.
  const drawCloud = () => {
    const orphans = swept?.found ?? [];
    replace(cloud, section(t('cloud'), el('p', { class: 'soft' }, t('cloudWhy')),
      live.length + orphans.length === 0 ? el('p', {}, t(swept ? 'cloudEmpty' : 'cloudNone')) : table(
        [{ text: t('name'), class: 'long' }, { text: t('zone'), class: 'tight' }, { text: t('run'), class: 'name' },
          { text: t('cost'), class: 'n' }, { text: t('owner'), class: 'name' }],
        [...live.map(({ run, node }) => [node.node, node.zone, el('a', { href: `#/runs/${run.id}` }, run.name || run.id),
          usd(node.usd), t('owner.live-run')]),
        ...orphans.map((each) => ['name', 'zone', 'run', 'price', 'owner'].map((part) => el('td', {
          class: `${each.owner === 'other-service' ? '' : 'failed '}${part === 'price' ? 'n' : part === 'zone' ? 'tight' : ''}`,
        }, {
          name: each.name.split('/').at(-1), zone: each.zone, run: each.run,
          price: usdAnHour(each.usdPerHour),
          owner: el('span', { title: each.why }, `${each.owner === 'other-service' ? '' : `${t('orphan')}: `}${t(`owner.${each.owner}`)} (${each.state})`),
        }[part])))]),
      (swept?.projects ?? []).filter((each) => each.problem).map((each) =>
        el('p', { class: 'failed' }, `${each.project}: `, said(`${each.problem} ${each.fix ?? ''}`))),
      swept ? el('p', { class: 'soft' }, `${t('cloudSwept')}: ${time(swept.at)}`) : null,
      may('runner') ? el('p', {}, el('button', { type: 'button', id: 'look', onclick: sweep }, t('look'))) : null));
  };

  const sweep = async (event) => {
    event.target.disabled = true;
    sayDone(told, t('working'));
    try {
      swept = await post('/sweep', '{}');
      sayDone(told, t(swept.clean ? 'cloudClean' : 'cloudLeft'));
    } catch (fault) {
      sayFault(told, fault);
    }

    if (!isLeft) {
      drawCloud();
    }
  };

  const drawPrices = (found) => {
    const rows = el('div', { id: 'prices-of-type' });
    const types = [...new Set(found.map((each) => each.acceleratorType))];
    const choose = (type) => replace(rows, table(
      [{ text: t('zone'), class: 'tight' }, { text: t('chips'), class: 'n optional' }, { text: t('mode.spot'), class: 'n' },
        { text: t('mode.on-demand'), class: 'n' }],
      found.filter((each) => each.acceleratorType === type).map((each) => [
        each.zone, number(each.chips), number(each.spotUsdPerHour, 2), number(each.onDemandUsdPerHour, 2)])));
    const first = types.includes('v5litepod-8') ? 'v5litepod-8' : types[0];
    replace(prices, section(t('prices'), el('p', { class: 'soft' }, t('pricesWhy')), el('label', {}, t('type'),
      el('select', { id: 'price-type', onchange: (event) => choose(event.target.value) },
        types.map((each) => el('option', { value: each, selected: each === first }, each)))), rows));
    choose(first);
  };

  const showPrices = async () => {
    try {
      const found = await get('/zones/prices');
      if (!isLeft) {
        drawPrices(found);
      }
    } catch (fault) {
      connected(fault instanceof Problem);
    }
  };

  replace(main, el('h1', {}, t('zones')), told, cloud, list, seen, prices);
  look();
  showPrices();
  return () => { isLeft = true; clearTimeout(timer); };
};
