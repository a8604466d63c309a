// Draws every figure of the page; again when colours change, when its box does, and for print.

const MAKERS = { curves: curvesOption, lengths: lengthsOption, bars: barsOption };
const charts = [];

function height(figure) {
  if (figure.kind === 'bars') {
    return 96 + 40 * figure.data.rows.length;
  }
  if (figure.kind === 'lengths' && !figure.data.upright) {
    return 110 + 38 * figure.data.groups.length;
  }
  return 340;
}

function drawOne({ chart, figure }, mode) {
  const option = MAKERS[figure.kind](figure.data, PALETTES[mode], chart.getWidth());
  chart.setOption(option, { notMerge: true });
}

function draw(mode) {
  for (const drawn of charts) {
    drawOne(drawn, mode);
  }
}

const darkness = window.matchMedia('(prefers-color-scheme: dark)');
const present = () => (darkness.matches ? 'dark' : 'light');

document.documentElement.classList.add('drawn');
for (const figure of JSON.parse(document.getElementById('figures').textContent)) {
  const element = document.getElementById(figure.id);
  element.style.height = height(figure) + 'px';
  const drawn = { chart: echarts.init(element, null, { renderer: 'svg' }), figure };
  charts.push(drawn);
  drawOne(drawn, present());
  new ResizeObserver(() => {
    if (element.clientWidth > 0 && element.clientWidth !== drawn.chart.getWidth()) {
      drawn.chart.resize();
      drawOne(drawn, present());
    }
  }).observe(element);
}
darkness.addEventListener('change', () => draw(present()));
window.addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) {
    details.open = true;
  }
  draw('light');
});
window.addEventListener('afterprint', () => draw(present()));
