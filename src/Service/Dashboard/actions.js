import { post, remove } from './api.js';
import { el, sayDone, sayFault, section } from './dom.js';
import { may } from './session.js';
import { t } from './text.js';

// The actions of a run under way. Each asks for a reason, which the run's record keeps.
export const controls = (view, cancelled) => {
  if (!may('runner')) {
    return el('p', { class: 'soft' }, t('readOnly'));
  }

  const reason = el('input', { id: 'reason', required: true, maxlength: 500 });
  const said = el('p', { role: 'alert' });
  const button = (verb, kind) => el('button', { id: verb, value: verb, class: kind }, t(verb));
  // What the run waits for comes first.
  const events = view.approval ? [button('approve'), button('reject', 'danger')] : mayFinish(view) ? [button('finish')] : [];
  // Variants are suspended one by one, so the run that has them is only cancelled.
  const why = view.variants ? null : el('p', { class: 'soft' }, t(view.suspension ? 'unsuspendWhy' : 'suspendWhy'));
  return section(t('actions'), why, mayFinish(view) ? el('p', { class: 'soft' }, t('finishWhy')) : null, el('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      const verb = event.submitter?.value ?? 'cancel';
      try {
        await post(`/runs/${view.id}/${isEvent(verb) ? 'events/' : ''}${verb}?${because(reason)}`);
        document.activeElement?.blur();
        reason.value = '';
        sayDone(said, t('asked'));
        if (verb === 'cancel') {
          cancelled();
        }
      } catch (fault) {
        sayFault(said, fault);
      }
    },
  }, el('label', {}, t('reason'), reason), events, view.variants ? null : button(view.suspension ? 'unsuspend' : 'suspend'),
  button('cancel', 'danger')), said);
};

const isEvent = (verb) => ['approve', 'reject', 'finish'].includes(verb);

// A training that has a step can end with it.
export const mayFinish = (view) => view.stage === 'train' && !view.variants && view.progress?.step > 0;

// Asks for the reason of an action beside the thing that it changes; null for a person who has changed their mind.
export const askReason = (what) => new Promise((answer) => {
  const from = document.activeElement?.id;
  const reason = el('input', { id: 'why', required: true, maxlength: 500, autocomplete: 'off' });
  const dialog = el('dialog', { 'aria-labelledby': 'what', onclose: () => {
    dialog.remove();
    document.getElementById(from)?.focus();
    answer(dialog.returnValue === 'yes' ? reason.value : null);
  } }, el('form', { method: 'dialog' }, el('h2', { id: 'what' }, what), el('label', {}, t('reason'), reason),
    el('div', { class: 'bar' }, el('button', { id: 'yes', value: 'yes', class: 'danger' }, what),
      el('button', { id: 'no', value: 'no', type: 'button', onclick: () => dialog.close('no') }, t('leave')))));
  document.querySelector('main').append(dialog);
  dialog.showModal();
});

export const because = (reason) => `reason=${encodeURIComponent(reason.value ?? reason)}`;

// The actions of a run that has ended: another run of the same request, and its deletion.
export const endings = (view) => {
  const sure = el('input', { id: 'sure', type: 'checkbox', required: true });
  const artifacts = el('input', { id: 'artifacts', type: 'checkbox' });
  const again = el('input', { id: 'rerun-reason', required: true, maxlength: 500 });
  const gone = el('input', { id: 'purge-reason', required: true, maxlength: 500 });
  const said = el('p', { role: 'alert' });
  const attempt = async (event, act) => {
    event.preventDefault();
    try {
      location.hash = await act();
    } catch (fault) {
      sayFault(said, fault);
    }
  };
  return may('runner') ? section(t('actions'),
    el('form', { onsubmit: (event) => attempt(event, async () => `#/runs/${(await post(`/runs/${view.id}/rerun?${because(again)}`, '{}')).id}`) },
      el('label', {}, t('reason'), again), el('button', { id: 'rerun' }, t('rerun')), el('span', { class: 'soft' }, t('rerunWhy'))),
    may('admin') ? el('form', {
      onsubmit: (event) => attempt(event, async () => {
        await remove(`/runs/${view.id}?${because(gone)}${artifacts.checked ? '&artifacts=true' : ''}`);
        return '#/';
      }),
    }, el('label', {}, t('reason'), gone), el('label', { class: 'check' }, sure, t('purgeSure')), el('label', { class: 'check' }, artifacts, t('purgeArtifacts')),
    el('button', { id: 'purge', class: 'danger' }, t('purge'))) : null, said) : el('p', { class: 'soft' }, t('readOnly'));
};
