// Stacked bars lying on their side, with the sum written at the end of each.

function barsOption(data, colors, width) {
  const sums = data.rows.map((row) => data.series.reduce(
    (sum, series) => sum + (Object.hasOwn(row, series.key) ? row[series.key] : 0), 0));
  const values = valueAxis(colors, data.axis, shortCount);
  values.nameGap = 30;
  const keys = data.series.map((series, index) => ({
    name: series.label, type: 'bar', stack: 'all', barMaxWidth: 26,
    itemStyle: {
      color: Object.hasOwn(colors.keys, series.key)
        ? colors.keys[series.key] : colors.further[index % colors.further.length],
    },
    data: data.rows.map((row) => (Object.hasOwn(row, series.key) ? row[series.key] : 0)),
    tooltip: {
      formatter: (item) => tooltipContent(data.rows[item.dataIndex].label, [
        series.label + ': ' + shortCount(item.value) + ' ' + data.axis,
        (100 * item.value / sums[item.dataIndex]).toFixed(1) + ' % of ' +
          shortCount(sums[item.dataIndex])]),
    },
  }));
  // A bar of no length carries the sum, whatever the last part of the stack is.
  const total = {
    type: 'bar', stack: 'all', silent: true, data: data.rows.map(() => 0),
    label: { show: true, position: 'right', color: colors.ink, distance: 6,
             formatter: (item) => shortCount(sums[item.dataIndex]) },
  };
  const { legend, height } = legendOption(
    data.series.map((series) => series.label), 18, width, colors);
  return {
    ...baseOption(colors),
    legend,
    grid: { top: height + 12, left: 4, right: 52, bottom: 8, outerBoundsContain: 'all' },
    xAxis: values,
    yAxis: {
      type: 'category', inverse: true, data: data.rows.map((row) => row.label),
      axisTick: { show: false }, axisLine: { lineStyle: { color: colors.soft } },
      axisLabel: { color: colors.ink, width: Math.min(140, 0.36 * width), lineHeight: 15, overflow: 'break', interval: 0 },
    },
    series: [...keys, total],
  };
}
