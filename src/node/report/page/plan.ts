// The section "Plan of a training step": a list of its dispatches, with the ops and the WGSL of each.
import type { PlanData } from '../data.js';
import { byId, make, reveal } from './elements.js';
import { count } from './format.js';

export function showPlan(
  { dispatches, dispatchesUnfused, buffers, bytes, texts }: PlanData,
  isTimed: boolean,
): void {
  if (dispatches.length === 0) return;
  reveal('plan');
  const calls = `${count(dispatches.length)} dispatches, ${count(dispatchesUnfused)} without fusion`;
  const memory = `${count(buffers)} buffers, ${count(Math.ceil(bytes / 1024))} KiB for this step alone`;
  const hint = isTimed ? '' : ' This adapter does not measure times.';
  byId('planned').textContent = `${calls}; ${memory}. Open one to see its ops and its WGSL.${hint}`;
  byId('dispatches').append(
    ...dispatches.map((dispatch) => itemOf(dispatch, texts[dispatch.wgsl] ?? '')),
  );
}

function itemOf(
  { kernel, ops, workgroups }: PlanData['dispatches'][number],
  wgsl: string,
): HTMLElement {
  const about = ` ${ops.length} ${ops.length === 1 ? 'op' : 'ops'}, ${workgroups.join(' × ')} workgroups`;
  const item = make('details', {}, make('summary', {}, make('b', {}, kernel), about));
  // filled when it is opened first: a plan may hold megabytes of WGSL
  const fill = (): void => item.append(make('p', {}, ops.join(', ')), make('pre', {}, wgsl));
  item.addEventListener('toggle', fill, { once: true });
  return make('li', {}, item);
}
