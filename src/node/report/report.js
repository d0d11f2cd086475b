// Fills the page from the runs that it holds: one in full, several side by side.
(() => {
  const { drawCosts, drawAccuracies, drawRoofline } = globalThis.charts;
  const byId = (id) => document.getElementById(id);
  const runs = JSON.parse(byId('runs').textContent);
  const [run] = runs;
  const isAlone = runs.length === 1;

  const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(2)}%` : '–');
  const count = (value) => value.toLocaleString('en-US');
  const cost = (value) => {
    if (!Number.isFinite(value)) return 'NaN'; // JSON has null for it
    return value < 1e-3 || value >= 1e4 ? value.toExponential(2) : value.toFixed(4);
  };
  const duration = (seconds) => (seconds < 100 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`);
  const rate = (perSecond) => (perSecond / 1e9).toFixed(perSecond < 1e10 ? 2 : 1);
  const words = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const swatch = (i) => make('span', { class: 'swatch', style: `--of: var(--run${i % 6})` });
  const named = (i) => make('span', {}, swatch(i), runs[i].name);

  /** A table that scrolls by itself where it is wider than the page. Cells are texts or ready <td>s. */
  function addTable(box, label, head, rows, kind = '') {
    const cell = (content, i) => {
      if (content.tagName === 'TD') return content;
      return i === 0 ? make('th', { scope: 'row', class: 'name' }, content) : make('td', {}, content);
    };
    const columns = head.map((name) => (name ? make('th', { scope: 'col' }, name) : make('td', {})));
    const body = rows.map((row) => make('tr', {}, ...row.map(cell)));
    const parts = [make('thead', {}, make('tr', {}, ...columns)), make('tbody', {}, ...body)];
    const region = { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': label };
    box.append(make('div', region, make('table', { class: kind }, ...parts)));
  }

  function showLearning() {
    byId('curves').hidden = false;
    if (!isAlone) byId('shares').textContent = 'Test accuracy by epoch, in percent';
    drawCosts(runs);
    drawAccuracies(runs);
    if (!isAlone) return;
    const rows = run.epochs.map(({ accuracy, validation, seconds, ...own }) => {
      const tested = validation ? [cost(validation.cost), percent(validation.accuracy)] : ['–', '–'];
      return [String(own.epoch), cost(own.cost), percent(accuracy), ...tested, duration(seconds)];
    });
    const head = ['Epoch', 'Cost', 'Accuracy', 'Test cost', 'Test accuracy', 'Time'];
    if (rows.length) addTable(byId('epochs'), 'Epochs', head, rows);
  }

  function showSummary() {
    document.title = isAlone ? `${run.name} · Nabla report` : `${runs.length} runs compared · Nabla report`;
    byId('title').textContent = isAlone ? run.name : `${runs.length} runs compared`;
    const when = ({ date }) => new Date(date).toLocaleString('en', { dateStyle: 'long', timeStyle: 'short' });
    byId('subtitle').textContent = isAlone ? `${run.model} · ${count(run.parameters)} parameters · ${when(run)}` : '';
    const figures = ({ test, steps, seconds, stepsPerSecond }) => [
      ...[
        ['Test accuracy', percent(test.accuracy)],
        ['Test cost', cost(test.cost)],
      ],
      ...[
        ['Steps', count(steps)],
        ['Steps / s', stepsPerSecond.toFixed(1)],
        ['Time', duration(seconds)],
      ],
    ];
    const head = figures(run).map(([name]) => name);
    if (!isAlone) {
      const rows = runs.map((each, i) => {
        const values = figures(each).map(([, value]) => value);
        return [named(i), ...values, count(each.parameters), each.model];
      });
      return addTable(byId('summary'), 'Results', ['Run', ...head, 'Parameters', 'Model'], rows);
    }
    const items = figures(run).map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value)));
    byId('summary').append(make('dl', { class: 'figures' }, ...items));
  }

  function showConfusion({ confusion }) {
    const rows = confusion.map((row, label) => {
      const all = row.reduce((a, b) => a + b, 0);
      const cells = row.map((times, read) => {
        if (times === 0) return make('td', {}, '');
        // errors are rare, so their colour grows with the root of their share
        const [heat, of] = read === label ? ['--run0', (45 * times) / all] : ['--bad', Math.sqrt(times / all) * 90];
        return make('td', { style: `--heat: var(${heat}); --of: ${Math.min(50, of).toFixed(1)}%` }, String(times));
      });
      return [
        String(label),
        ...cells,
        make('td', { class: 'recall' }, all ? `${((100 * row[label]) / all).toFixed(1)}%` : '–'),
      ];
    });
    const classes = confusion.map((_, read) => String(read));
    addTable(byId('confusion'), 'Digits by label and prediction', ['', ...classes, 'right'], rows, 'confusion');
  }

  /** A digit in black of the opacity of its ink; images come as rows of bytes, in the squarest rectangle. */
  function drawDigit({ pixels, example, label, predicted, confidence, ofLabel }) {
    const bytes = Uint8Array.from(atob(pixels), (byte) => byte.charCodeAt(0));
    let width = Math.ceil(Math.sqrt(bytes.length));
    while (bytes.length % width) width++;
    const height = bytes.length / width;
    const isRight = label === predicted;
    const sure = `${(100 * confidence).toFixed(0)}%`;
    const about = `Test digit ${example}, a ${label}, read as ${predicted} with ${sure}`;
    const canvas = make('canvas', { width, height, role: 'img', 'aria-label': about });
    const image = new ImageData(width, height);
    bytes.forEach((ink, i) => {
      image.data[4 * i + 3] = ink;
    });
    canvas.getContext('2d').putImageData(image, 0, 0);
    const title = isRight ? about : `${about}; ${(100 * ofLabel).toPrecision(2)}% for ${label}`;
    const text = isRight ? String(label) : `${label} as ${predicted}`;
    return make('li', { title }, canvas, make('span', {}, text), make('small', {}, sure));
  }

  function showPredictions() {
    if (run.text !== undefined) {
      byId('writing').hidden = false;
      byId('text').textContent = run.text;
    }
    if (!run.predictions) return;
    byId('predictions').hidden = false;
    showConfusion(run.predictions);
    byId('worst').append(...run.predictions.worst.map(drawDigit));
    byId('right').append(...run.predictions.right.map(drawDigit));
  }

  function showProfile() {
    const { profile } = run;
    if (!profile) return;
    byId('profile').hidden = false;
    const { peaks, milliseconds, kernels } = profile;
    byId('time').textContent =
      `${run.settings.profile ? '' : 'The first steps: '}${duration(milliseconds / 1000)} on ${profile.adapter}; a small probe reached ${rate(peaks.flopsPerSecond)} GFLOP/s and ${rate(peaks.bytesPerSecond)} GB/s.`;
    const shown = Math.max(4, kernels.filter(({ share }) => share >= 0.01).length);
    drawRoofline(profile);
    const rows = kernels.map((one, i) => {
      const share = `${(100 * one.share).toFixed(1)}%`;
      const speed = [rate(one.flopsPerSecond), rate(one.bytesPerSecond), `${(100 * one.ofPeak).toFixed(0)}%`];
      const each = ((1000 * one.milliseconds) / one.calls).toFixed(1);
      const name = make('span', { title: one.ops.join(', ') }, `${i + 1}. ${one.kernel.replaceAll('+', '+\u200b')}`);
      const bar = make('td', { class: 'share', style: `--of: ${(100 * one.share) / kernels[0].share}%` }, share);
      return [name, count(one.calls), one.milliseconds.toFixed(1), bar, each, ...speed];
    });
    const head = ['Kernel', 'Calls', 'ms', 'Share', 'µs a call', 'GFLOP/s', 'GB/s', 'Of roof'];
    addTable(byId('kernels'), 'GPU time by kernel', head, rows.slice(0, shown));
    if (rows.length === shown) return;
    const rest = make('details', {}, make('summary', {}, `${rows.length - shown} more kernels, each under 1%`));
    addTable(rest, 'GPU time of the other kernels', head, rows.slice(shown));
    byId('kernels').append(rest);
  }

  function showPlan() {
    const { dispatches, dispatchesUnfused, buffers, bytes, texts } = run.plan;
    if (!dispatches.length) return;
    byId('plan').hidden = false;
    const hint = run.profile ? '' : ' This adapter measures no times.';
    byId('planned').textContent =
      `${count(dispatches.length)} dispatches, ${count(dispatchesUnfused)} without fusion; ${count(buffers)} buffers, ${count(Math.ceil(bytes / 1024))} KiB for this step alone. Each opens to its ops and its WGSL.${hint}`;
    byId('dispatches').append(
      ...dispatches.map(({ kernel, ops, workgroups, wgsl }) => {
        const title = make(
          'summary',
          {},
          make('b', {}, kernel),
          ` ${ops.length} ${ops.length === 1 ? 'op' : 'ops'}, ${workgroups.join(' × ')} workgroups`,
        );
        const item = make('details', {}, title);
        item.addEventListener(
          'toggle',
          () => item.append(make('p', {}, ops.join(', ')), make('pre', {}, texts[wgsl])),
          {
            once: true,
          },
        );
        return make('li', {}, item);
      }),
    );
  }

  function showSettings() {
    const all = runs.map(({ settings, machine }) => ({ ...settings, ...machine }));
    const names = [...new Set(all.flatMap((each) => Object.keys(each)))];
    const differs = (name) => new Set(all.map((each) => String(each[name]))).size > 1;
    const rowsOf = (wanted) =>
      wanted.map((name) => [words(name), ...all.map((each) => make('td', { class: 'words' }, each[name] ?? '–'))]);
    const box = byId('options');
    if (isAlone) return addTable(box, 'Settings', ['Setting', 'Value'], rowsOf(names), 'words');
    box.previousElementSibling.textContent = 'Settings that differ';
    addTable(
      box,
      'Settings that differ',
      ['Setting', ...runs.map((_, i) => named(i))],
      rowsOf(names.filter(differs)),
      'words',
    );
    const same = make('details', {}, make('summary', {}, 'Settings that are the same'));
    addTable(
      same,
      'Settings that are the same',
      ['Setting', 'Value'],
      rowsOf(names.filter((name) => !differs(name))).map((row) => row.slice(0, 2)),
      'words',
    );
    box.append(same);
  }

  showSummary();
  if (runs.every(({ costs }) => costs.length)) showLearning();
  if (isAlone) {
    showPredictions();
    showProfile();
    showPlan();
  }
  showSettings();
})();
