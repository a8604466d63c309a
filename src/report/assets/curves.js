// Values over training tokens, one line an arm, with error bars and the single runs as small dots.

// The tokens are drawn by their logarithm; the budgets themselves are the ticks.
function tokensAxis(data, colors) {
  const budgets = new Set();
  for (const arm of data.arms) {
    for (const point of arm.points) {
      budgets.add(point.tokens);
    }
  }
  const places = [...budgets].sort((a, b) => a - b).map(Math.log10);
  const margin = places.length > 1 ? 0.06 * (places[places.length - 1] - places[0]) : 0.3;
  const axis = valueAxis(colors, 'training tokens', (place) => shortCount(10 ** place));
  axis.min = places[0] - margin;
  axis.max = places[places.length - 1] + margin;
  axis.nameGap = 30;
  axis.axisLabel.customValues = places;
  axis.axisTick = { show: true, customValues: places, lineStyle: { color: colors.soft } };
  axis.axisLine = { show: true, onZero: false, lineStyle: { color: colors.soft } };
  axis.splitLine = { show: false };
  return axis;
}

function errorBars(arm, style) {
  return {
    name: arm.label, type: 'custom', silent: true, z: 1, itemStyle: { color: style.color },
    data: arm.points.map((point) => [Math.log10(point.tokens), point.value - point.error,
                                     point.value + point.error]),
    renderItem: (params, api) => {
      const low = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)]);
      const stroke = { stroke: style.color, lineWidth: 1.5, fill: null };
      const line = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: stroke });
      return {
        type: 'group',
        children: [line(low[0], low[1], high[0], high[1]),
                   line(low[0] - 5, low[1], low[0] + 5, low[1]),
                   line(high[0] - 5, high[1], high[0] + 5, high[1])],
      };
    },
  };
}

function chanceLine(chance, colors) {
  return {
    silent: true, symbol: 'none', data: [{ yAxis: chance }],
    lineStyle: { color: colors.soft, type: [1, 3], width: 1.5 },
    label: { formatter: 'chance', position: 'end', distance: 4, color: colors.soft },
  };
}

function armSeries(arm, index, data, colors, show) {
  const style = armStyle(arm.name, index, colors);
  const line = {
    name: arm.label, type: 'line', z: 3, symbol: style.symbol, symbolSize: 10,
    color: style.color, lineStyle: { color: style.color, width: 2.5, type: style.dash },
    data: arm.points.map((point) => [Math.log10(point.tokens), point.value]),
    tooltip: {
      formatter: (item) => {
        const point = arm.points[item.dataIndex];
        return tooltipContent(arm.label, [
          shortCount(point.tokens) + ' training tokens',
          show(point.value) + ' ± ' + show(point.error)]);
      },
    },
  };
  const runs = {
    name: arm.label, type: 'scatter', z: 2, symbol: 'circle', symbolSize: 7,
    itemStyle: { color: colors.paper, borderColor: style.color, borderWidth: 1.2 },
    data: arm.runs.map((run) => [Math.log10(run.tokens), run.value]),
    tooltip: {
      formatter: (item) => {
        const run = arm.runs[item.dataIndex];
        return tooltipContent(arm.label + ', seed ' + run.seed, [
          shortCount(run.tokens) + ' training tokens', show(run.value)]);
      },
    },
  };
  return [line, errorBars(arm, style), runs];
}

function curvesOption(data, colors, width) {
  const show = data.percent ? percent : (value) => value.toFixed(3);
  const series = data.arms.flatMap((arm, index) => armSeries(arm, index, data, colors, show));
  const chance = data.chance !== null && data.chance > 0;
  if (chance) {
    series[0].markLine = chanceLine(data.chance, colors);
  }
  const values = valueAxis(colors, '', data.percent
    ? (value) => Math.round(100 * value) + ' %' : (value) => String(Number(value.toPrecision(3))));
  if (data.percent) {
    values.min = 0;
  } else {
    values.scale = true;
  }
  const { legend, height } = legendOption(data.arms.map((arm) => arm.label), 36, width, colors);
  return {
    ...baseOption(colors),
    legend,
    grid: { top: height + 16, left: 4, right: chance ? 52 : 12, bottom: 8, outerBoundsContain: 'all' },
    xAxis: tokensAxis(data, colors),
    yAxis: values,
    series,
  };
}
