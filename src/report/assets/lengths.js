// Thinking lengths by group: a box for each group and its documents as dots beside each other.

// Where the dot stands across its group: the same on every drawing.
function jitter(index) {
  return (((index + 1) * 0.6180339887) % 1 - 0.5) * 0.62;
}

// Groups stand on a value axis at 0, 1, 2..., so that dots may stand between.
function groupAxis(groups, name, upright, colors) {
  const places = groups.map((group, index) => index);
  const axis = valueAxis(colors, name, (place) => groups[Math.round(place)].name);
  axis.min = -0.5;
  axis.max = groups.length - 0.5;
  axis.inverse = !upright;
  axis.nameGap = 30;
  axis.axisLabel.customValues = places;
  axis.axisLabel.color = colors.ink;
  axis.axisLabel.hideOverlap = upright;
  axis.axisLabel.width = upright ? undefined : 110;
  axis.axisLabel.overflow = 'truncate';
  axis.splitLine = { show: false };
  return axis;
}

function boxSeries(groups, upright, many, colors) {
  const at = (place, value) => (upright ? [place, value] : [value, place]);
  return {
    type: 'custom', z: many ? 5 : 3, name: 'middle half, median',
    data: groups.map((group, index) => [index, ...group.box]),
    encode: upright ? { x: 0, y: [1, 5] } : { y: 0, x: [1, 5] },
    tooltip: {
      formatter: (item) => {
        const group = groups[item.dataIndex];
        const [low, first, median, third, high] = group.box.map((value) => Math.round(value));
        return tooltipContent(group.name, [
          group.documents + ' documents', 'median ' + median + ' tokens',
          'middle half ' + first + ' to ' + third, '5th to 95th percentile ' + low + ' to ' + high]);
      },
    },
    renderItem: (params, api) => {
      const place = api.value(0);
      const point = (offset, number) => api.coord(at(place + offset, api.value(number)));
      const line = (a, b, width) => ({
        type: 'line', shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] },
        style: { stroke: colors.ink, lineWidth: width, fill: null },
      });
      const a = point(-0.3, 2);
      const b = point(0.3, 4);
      const box = {
        type: 'rect',
        shape: { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]),
                 width: Math.abs(b[0] - a[0]), height: Math.abs(b[1] - a[1]) },
        style: { stroke: colors.ink, lineWidth: 1.2, fill: colors.soft, fillOpacity: 0.12 },
      };
      return {
        type: 'group',
        children: [line(point(0, 1), point(0, 2), 1.2), line(point(0, 4), point(0, 5), 1.2),
                   line(point(-0.12, 1), point(0.12, 1), 1.2),
                   line(point(-0.12, 5), point(0.12, 5), 1.2), box,
                   line(point(-0.3, 3), point(0.3, 3), 2.5)],
      };
    },
  };
}

function dotSeries(data, kept, many, colors) {
  const dots = [];
  data.dots.forEach((dot, index) => {
    if ((dot[2] === 1) === kept) {
      const place = dot[0] + jitter(index);
      dots.push({ value: data.upright ? [place, dot[1]] : [dot[1], place], group: dot[0] });
    }
  });
  return {
    type: 'scatter', z: 4, name: kept ? 'kept' : 'rejected', symbol: kept ? 'circle' : 'diamond',
    symbolSize: many ? 4 : kept ? 6 : 8, data: dots,
    itemStyle: { color: kept ? colors.keys.kept : colors.keys.rejected, opacity: many ? 0.35 : 0.6 },
    tooltip: {
      formatter: (item) => tooltipContent(data.groups[item.data.group].name, [
        item.value[data.upright ? 1 : 0] + ' tokens of thinking', kept ? 'kept' : 'rejected']),
    },
  };
}

function lengthsOption(data, colors, width) {
  const lengths = valueAxis(colors, 'tokens of thinking', shortCount);
  lengths.min = 0;
  lengths.nameGap = data.upright ? 44 : 30;
  const groups = groupAxis(data.groups, data.axis, data.upright, colors);
  const many = data.dots.length > 150;  // then the boxes stand before the dots
  const series = [dotSeries(data, true, many, colors), dotSeries(data, false, many, colors)].filter(
    (dots) => dots.data.length > 0);
  const { legend, height } = legendOption(series.map((dots) => dots.name), 14, width, colors);
  return {
    ...baseOption(colors),
    legend,
    grid: { top: height + 12, left: 4, right: 16, bottom: 8, outerBoundsContain: 'all' },
    xAxis: data.upright ? groups : lengths,
    yAxis: data.upright ? lengths : groups,
    series: [...series, boxSeries(data.groups, data.upright, many, colors)],
  };
}
