"use strict";
(() => {
  const SVG = ["http:", "", "www.w3.org", "2000", "svg"].join("/");
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const make = (kind, attributes, parent) => {
    const node = document.createElementNS(SVG, kind);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (parent) parent.appendChild(node);
    return node;
  };
  const text = (parent, content, attributes) => {
    make("text", { class: "label", ...attributes }, parent).textContent = content;
  };
  const number = (value) => String(Number(value.toPrecision(4)));

  // A plot of y over x with a frame; curves are [class, x, y]. Null is a gap.
  function plot(svg, curves, range, names, [width, height] = [640, 300]) {
    const [left, below, top] = [66, 44, 14];
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const [x0, x1, y0, y1] = range;
    const X = (v) => left + ((width - left - 14) * (v - x0)) / (x1 - x0 || 1);
    const Y = (v) => height - below - ((height - below - top) * (v - y0)) / (y1 - y0 || 1);
    make("rect", { class: "frame", x: left, y: top, width: width - left - 14, height: height - below - top }, svg);
    for (const [name, xs, ys] of curves) {
      let path = "";
      let pen = "M";
      ys.forEach((y, i) => {
        if (y === null) { pen = "M"; return; }
        path += `${pen}${X(xs[i]).toFixed(1)} ${Y(y).toFixed(1)}`;
        pen = "L";
      });
      make("path", { class: name, d: path }, svg);
    }
    text(svg, number(x0), { x: left, y: height - 24 });
    text(svg, number(x1), { x: width - 14, y: height - 24, "text-anchor": "end" });
    text(svg, names[0], { x: (left + width) / 2, y: height - 8, "text-anchor": "middle" });
    text(svg, number(y0), { x: left - 6, y: height - below, "text-anchor": "end" });
    text(svg, number(y1), { x: left - 6, y: top + 11, "text-anchor": "end" });
    text(svg, names[1], { x: left - 6, y: (height - below + top) / 2, "text-anchor": "end" });
  }

  function extent(values) {
    let low = Infinity;
    let high = -Infinity;
    for (const v of values.flat()) if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); }
    if (!(low <= high)) return [0, 1];
    const room = 0.04 * (high - low) || 0.5 * Math.abs(high) || 1;
    return [low - room, high + room];
  }

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  }

  // The slider ------------------------------------------------------------------------------

  function slider(frames) {
    const [range, output, select, button] = ["moment", "moment-value", "which", "play"].map(byId);
    const decoded = frames.fields.map((f) =>
      frames.kind === "maps" ? { levels: bytes(f.levels), palette: bytes(f.palette) } : null);
    const draw = () => {
      const k = Number(range.value);
      const which = Number(select.value);
      const field = frames.fields[which];
      output.textContent = `${frames.coordinate} = ${number(frames.moments[k])}`;
      if (frames.kind === "maps") drawMap(field, decoded[which], k);
      else drawLine(field, k);
    };
    const drawLine = (field, k) => {
      const axis = frames.axes[0];
      const count = field.values[0].length;
      const x = Array.from({ length: count }, (_, i) => axis.low + ((axis.high - axis.low) * i) / (count - 1));
      const curves = [["start", x, field.values[0]], ["curve", x, field.values[k]]];
      if (field.exact) curves.push(["exact", x, field.exact[k]]);
      plot(byId("lines"), curves, [axis.low, axis.high, ...extent(field.values)], [axis.name, field.name]);
    };
    const drawMap = (field, { levels, palette }, k) => {
      const canvas = byId("map");
      canvas.width = field.columns;
      canvas.height = field.rows;
      canvas.style.aspectRatio = String(frames.aspect);
      const context = canvas.getContext("2d");
      const image = context.createImageData(field.columns, field.rows);
      const size = field.columns * field.rows;
      for (let i = 0; i < size; i++) {
        const level = levels[k * size + i];
        if (level === 255) continue;
        image.data.set(palette.subarray(3 * level, 3 * level + 3), 4 * i);
        image.data[4 * i + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      const stops = Array.from({ length: 17 }, (_, i) => {
        const c = palette.subarray(3 * Math.round((254 * i) / 16), 3 * Math.round((254 * i) / 16) + 3);
        return `rgb(${c[0]},${c[1]},${c[2]})`;
      });
      byId("bar").style.background = `linear-gradient(to top, ${stops.join(",")})`;
      byId("bar-high").textContent = number(field.high);
      byId("bar-low").textContent = number(field.low);
    };
    let timer = 0;
    const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
    button.addEventListener("click", () => {
      if (timer) { stop(); return; }
      button.textContent = "Stop";
      timer = setInterval(() => {
        range.value = String((Number(range.value) + 1) % frames.moments.length);
        draw();
      }, 120);
    });
    range.addEventListener("input", () => { stop(); draw(); });
    select.addEventListener("change", draw);
    draw();
  }

  // The graph -------------------------------------------------------------------------------

  function graph(edges) {
    const svg = byId("graph");
    const detail = byId("detail");
    const all = Array.from(svg.querySelectorAll(".edge"));
    const wire = (k) => svg.querySelector(`[data-wire="${k}"]`);
    const light = (node, on) => wire(node.dataset.edge).classList.toggle("on", on);
    const show = (node) => {
      const edge = edges[Number(node.dataset.edge)];
      for (const other of all) { other.classList.toggle("on", other === node); light(other, other === node); }
      detail.hidden = false;
      byId("detail-title").textContent = edge.title;
      byId("detail-importance").textContent =
        `Moves its node by ${Math.round(100 * edge.importance)} % of what the strongest edge of its layer does.`;
      plot(byId("detail-plot"), [["curve", edge.x, edge.y]],
        [Math.min(...edge.x), Math.max(...edge.x), ...extent(edge.y)], ["in", "out"], [420, 240]);
      const rows = edge.candidates.map((c) => `<tr><td>${c.misfit}</td><td>${c.formula}</td></tr>`);
      byId("detail-candidates").innerHTML = rows.length
        ? `<tr><th>misfit</th><th>formula candidate</th></tr>${rows.join("")}`
        : "<tr><td>No formula candidates were looked for on this edge.</td></tr>";
    };
    for (const node of all) {
      node.addEventListener("mouseenter", () => {
        if (svg.lastElementChild !== node) svg.appendChild(node); // on top of the others
        light(node, true);
      });
      node.addEventListener("mouseleave", () => light(node, node.classList.contains("on")));
      node.addEventListener("click", () => show(node));
      node.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); show(node); }
      });
    }
  }

  if (data.frames) slider(data.frames);
  if (data.edges) graph(data.edges);
})();
