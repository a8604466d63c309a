// Colours, number formats and the pieces that every chart shares. Blue, orange and grey keep apart
// for every kind of colour vision; lines differ in dash and marker too.
const PALETTES = {
  light: {
    ink: '#1c2126', soft: '#5d6772', grid: '#e3e6ea', paper: '#ffffff',
    arms: { vanilla: '#66717d', tpt: '#1a5fb4', shuffled: '#c25e00' },
    further: ['#7a4fb0', '#0f7b6c', '#a3344c'],
    keys: { kept: '#1a5fb4', rejected: '#c25e00', training: '#66717d', document: '#66717d',
            thinking: '#1a5fb4', special: '#b98900', prompt: '#7a4fb0', answer: '#0f7b6c',
            padding: '#c6ccd2' },
  },
  dark: {
    ink: '#e8eaed', soft: '#a3adb8', grid: '#343b43', paper: '#1d2228',
    arms: { vanilla: '#a9b4c0', tpt: '#78aef5', shuffled: '#f0a152' },
    further: ['#bd9bea', '#58c4b2', '#ec8da0'],
    keys: { kept: '#78aef5', rejected: '#f0a152', training: '#a9b4c0', document: '#a9b4c0',
            thinking: '#78aef5', special: '#e0bd4f', prompt: '#bd9bea', answer: '#58c4b2',
            padding: '#4a525b' },
  },
};

const FONT = 'system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif';

function armStyle(name, index, colors) {
  const known = { vanilla: ['circle', [6, 4]], tpt: ['diamond', 'solid'],
                  shuffled: ['triangle', [2, 3]] };
  const [symbol, dash] = Object.hasOwn(known, name) ? known[name] : ['rect', 'solid'];
  const color = Object.hasOwn(colors.arms, name)
    ? colors.arms[name] : colors.further[index % colors.further.length];
  return { symbol, dash, color };
}

// 250000 -> "250 k"
function shortCount(number) {
  const units = ['', ' k', ' M', ' B', ' T'];
  let unit = 0;
  let value = number;
  while (Math.abs(value) >= 999.5 && unit + 1 < units.length) {
    value /= 1000;
    unit += 1;
  }
  return Number(value.toPrecision(3)) + units[unit];
}

function percent(share) {
  return (100 * share).toFixed(1) + ' %';
}

// A tooltip's content as elements, so that no name is ever read as markup.
function tooltipContent(title, lines) {
  const box = document.createElement('div');
  const head = document.createElement('strong');
  head.textContent = title;
  box.append(head);
  for (const line of lines) {
    const row = document.createElement('div');
    row.textContent = line;
    box.append(row);
  }
  return box;
}

function baseOption(colors) {
  return {
    animation: false,
    textStyle: { fontFamily: FONT, color: colors.ink, fontSize: 13 },
    tooltip: {
      trigger: 'item', confine: true, backgroundColor: colors.paper, borderColor: colors.grid,
      textStyle: { color: colors.ink, fontFamily: FONT, fontSize: 13 },
    },
  };
}

// The legend at the top, and how much room it takes: its entries wrap on narrow screens. Letters are
// counted at a width that few fonts exceed.
function legendOption(labels, symbolWidth, width, colors) {
  let rows = 1;
  let used = 0;
  for (const label of labels) {
    const entry = symbolWidth + 18 + 7.6 * label.length;
    if (used > 0 && used + entry > width) {
      rows += 1;
      used = 0;
    }
    used += entry;
  }
  return {
    height: 22 * rows,
    legend: { top: 0, left: 0, itemWidth: symbolWidth, itemGap: 12, data: labels,
              textStyle: { color: colors.ink, width: width - symbolWidth - 12,
                           overflow: 'truncate' } },
  };
}

function valueAxis(colors, name, format) {
  return {
    type: 'value', name, nameLocation: 'middle', nameTextStyle: { color: colors.soft },
    axisLabel: { color: colors.soft, formatter: format, hideOverlap: true },
    axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: colors.grid } },
  };
}
