// The charts of a report, by `uPlot`, which comes before this in the page.
globalThis.charts = (() => {
  const fixed = (value) => (value < 1e-3 || value >= 1e4 ? value.toExponential(2) : value.toFixed(4));
  const percent = (share) => (Number.isFinite(share) ? `${share.toFixed(2)}%` : '–');
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const font = (pixels) => `${pixels}px ${getComputedStyle(document.body).fontFamily}`;
  const whole = (_, splits) => splits.map((value) => value.toLocaleString('en-US'));
  const wholes = Array.from({ length: 9 }, (_, i) => [1, 2, 5].map((part) => part * 10 ** i)).flat();
  const plain = (_, value) => value?.toLocaleString('en-US') ?? '–';
  const plots = [];

  /** A chart as wide as its box: series of data over the first of them. The label says in words what it shows. */
  function draw(id, label, data, [over, ...series], { x, y, ...options }) {
    const box = document.getElementById(id);
    const axis = (own) => ({
      ...{ stroke: () => colour('--muted'), font: font(12), labelFont: font(12), labelSize: 22 },
      ...{ grid: { stroke: () => colour('--line'), width: 1 }, ticks: { show: false }, size: 32, ...own },
    });
    const lines = series.map((own) => ({
      width: 2,
      points: { show: false },
      ...own,
      stroke: () => colour(own.stroke),
    }));
    const size = () => ({ width: Math.max(200, box.clientWidth), height: 256 });
    const fixedParts = { padding: [10, 12, 0, 0], cursor: { y: false }, axes: [axis(x), axis({ size: 48, ...y })] };
    const plot = new uPlot({ ...size(), ...fixedParts, series: [over, ...lines], ...options }, data, box);
    plot.ctx.canvas.setAttribute('role', 'img');
    plot.ctx.canvas.setAttribute('aria-label', label);
    new ResizeObserver(() => plot.setSize(size())).observe(box);
    plots.push(plot);
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const plot of plots) plot.redraw(false, true);
  });

  /** The cost's mean, each step weighing 2% less with every step after it. */
  function smooth(costs) {
    let [mean, weight, last] = [0, 0, 0];
    return costs.map(([step, cost]) => {
      const fresh = 1 - 0.98 ** (step - last);
      last = step;
      mean += fresh * (cost - mean);
      weight += fresh * (1 - weight);
      return mean / weight;
    });
  }

  /** A curve's values at these steps, on straight lines between its points; null beyond its ends. */
  function resample(steps, values, at) {
    let next = 0;
    return at.map((step) => {
      while (next < steps.length && steps[next] < step) next++;
      if (next === steps.length || (next === 0 && steps[0] > step)) return null;
      const before = Math.max(0, next - 1);
      const share = (step - steps[before]) / (steps[next] - steps[before] || 1);
      return values[before] + share * (values[next] - values[before]);
    });
  }

  /** One line each; a run alone has two of its own. */
  const linesOf = (runs, faint, strong) =>
    runs.length === 1
      ? [
          { label: faint, stroke: '--faint' },
          { label: strong, stroke: '--run0' },
        ]
      : runs.map(({ name }, i) => ({ label: name, stroke: `--run${i % 6}` }));

  function drawCosts(runs) {
    const means = runs.map(({ costs }) => smooth(costs));
    const steps = runs.map(({ costs }) => costs.map(([step]) => step));
    const longest = Math.max(...steps.map((own) => own.at(-1)));
    const grid = [...new Set(Array.from({ length: 600 }, (_, i) => 1 + Math.round(((longest - 1) * i) / 599)))];
    const several = () => [grid, ...runs.map((_, i) => resample(steps[i], means[i], grid))];
    const data = runs.length === 1 ? [steps[0], runs[0].costs.map(([, cost]) => cost), means[0]] : several();
    const value = (_, cost) => (cost == null ? '–' : fixed(cost));
    const series = linesOf(runs, 'one batch', 'running mean').map((line) => ({ ...line, value }));
    const [low, high] = [Math.min(...means.flat()), Math.max(...means.flat())];
    const isLog = low > 0 && high > 8 * low; // or the end of the curves would lie on the axis
    const range = isLog ? [low / 2, high * 1.3] : [0, high * 1.1];
    const label = runs.map(({ name }, i) => `${name}: from ${fixed(means[i][0])} to ${fixed(means[i].at(-1))}`);
    draw('cost', `Cost by step. ${label.join('; ')}`, data, [{ label: 'step', value: plain }, ...series], {
      x: { values: whole, incrs: wholes },
      scales: { x: { time: false }, y: { distr: isLog ? 3 : 1, range: () => range } },
    });
  }

  function drawAccuracies(runs) {
    const test = ({ validation }) => validation?.accuracy;
    const tests = runs.map(({ epochs }) => epochs.map(test));
    const curves = runs.length === 1 ? [runs[0].epochs.map(({ accuracy }) => accuracy), ...tests] : tests;
    const longest = Math.max(...curves.map(({ length }) => length));
    if (longest < 2 || !Number.isFinite(curves[0][0]))
      return document.getElementById('accuracy').parentElement.remove();
    const epochs = Array.from({ length: longest }, (_, i) => i + 1);
    const data = [epochs, ...curves.map((curve) => epochs.map((_, i) => (i in curve ? 100 * curve[i] : null)))];
    const look = { value: (_, share) => percent(share ?? undefined), points: { show: longest < 60, size: 7 } };
    const series = linesOf(runs, 'training', 'test').map((line) => ({ ...line, ...look }));
    const label = runs.map(({ name }, i) => `${name}: ${tests[i].map((share) => percent(100 * share)).join(', ')}`);
    draw(
      'accuracy',
      `Test accuracy by epoch. ${label.join('; ')}`,
      data,
      [{ label: 'epoch', value: plain }, ...series],
      {
        x: { values: whole, incrs: wholes },
        scales: { x: { time: false, range: [0.8, longest + 0.2] } },
      },
    );
  }

  /** Kernels as points, numbered as in the table, under the roof of the adapter's peaks. What is only overhead is left out. */
  function drawRoofline({ kernels, peaks }) {
    const points = kernels
      .slice(0, 12)
      .map((own, i) => ({ ...own, rank: i + 1, x: own.flops / own.bytes, y: own.flopsPerSecond / 1e9 }))
      .filter(({ flops, bytes, y }) => flops >= 1000 && bytes > 0 && y > 0);
    const ridge = peaks.flopsPerSecond / peaks.bytesPerSecond;
    if (!points.length || !(ridge > 0)) return document.getElementById('roofline').parentElement.remove();
    const places = [ridge, ...points.map(({ x }) => x)];
    const [low, high] = [Math.min(...places) / 3, Math.max(...places) * 3];
    const xs = [low, ridge, high];
    const roof = xs.map((x) => Math.min(peaks.flopsPerSecond, x * peaks.bytesPerSecond) / 1e9);
    const heights = points.map(({ y }) => y);
    const diameter = ({ share }) => 8 + 18 * Math.sqrt(share);
    const dots = points.map((point) => ({
      stroke: '--run0',
      points: { show: true, size: diameter(point), fill: () => colour('--faint') },
    }));
    const number = ({ ctx, valToPos }) => {
      const scale = devicePixelRatio;
      Object.assign(ctx, {
        fillStyle: colour('--ink'),
        font: font(12 * scale),
        textAlign: 'left',
        textBaseline: 'middle',
      });
      for (const { x, y, rank, ...own } of points)
        ctx.fillText(rank, valToPos(x, 'x', true) + (diameter(own) / 2 + 3) * scale, valToPos(y, 'y', true));
    };
    const isDecade = (value) => Math.abs(Math.log10(value) % 1) < 1e-6;
    const decades = {
      splits: (_, _axis, from, to) =>
        Array.from(
          { length: Math.floor(Math.log10(to)) - Math.ceil(Math.log10(from)) + 1 },
          (_, i) => 10 ** (Math.ceil(Math.log10(from)) + i),
        ),
      values: (_, splits) => splits.map((value) => (isDecade(value) ? String(Number(value.toPrecision(3))) : '')),
    };
    const label = points.map(({ kernel, rank, y }) => `${rank} ${kernel}: ${y.toPrecision(3)} GFLOP/s`).join('; ');
    const data = uPlot.join([[xs, roof], ...points.map(({ x, y }) => [[x], [y]])]);
    draw('roofline', `Roofline. ${label}`, data, [{}, { stroke: '--muted', spanGaps: true }, ...dots], {
      ...{ x: { ...decades, label: 'FLOP per byte' }, y: { ...decades, label: 'GFLOP/s', size: 56 } },
      ...{ legend: { show: false }, cursor: { show: false }, hooks: { draw: [number] } },
      scales: {
        x: { time: false, distr: 3, range: [low, high] },
        y: { distr: 3, range: [Math.min(...heights) / 3, Math.max(roof.at(-1), ...heights) * 2] },
      },
    });
  }

  return { drawCosts, drawAccuracies, drawRoofline };
})();
