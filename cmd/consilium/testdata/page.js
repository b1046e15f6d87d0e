// Looks at a report as it is laid out now, and returns what is wrong with it.
var wrong = [];
function complain(what, e) { if (wrong.length < 40) { wrong.push(what + ": " + (e ? (e.tagName + " " + (e.textContent || "").trim().slice(0, 60)) : "")); } }
function shown(e) { var r = e.getClientRects(); return r.length > 0 && r[0].width > 0 && r[0].height > 0; }
document.querySelectorAll("details").forEach(function (d) { d.open = true; });
var width = document.documentElement.clientWidth;

// Nothing is wider than the window, but inside of what scrolls.
if (document.documentElement.scrollWidth > width) { complain("the page scrolls sideways, " + document.documentElement.scrollWidth + " > " + width); }
document.body.querySelectorAll("*").forEach(function (e) {
  if (e.closest(".vh") || e.closest(".skip")) { return; }
  var inside = e.parentElement.closest(".scroll");
  var r = e.getBoundingClientRect();
  if (!inside && shown(e) && (r.right > width + 1 || r.left < -1)) { complain("wider than the window", e); }
  if ((e.tagName === "TD" || e.tagName === "TH" || e.tagName === "DD" || e.tagName === "SUMMARY") && e.scrollWidth > e.clientWidth + 1) { complain("its text is cut", e); }
});

// Texts of a figure neither overlap nor leave it.
document.querySelectorAll("figure svg").forEach(function (svg) {
  var frame = svg.getBoundingClientRect(), texts = [];
  svg.querySelectorAll("text").forEach(function (t) {
    var r = t.getBoundingClientRect(), text = Array.prototype.filter.call(t.childNodes, function (n) { return n.nodeName !== "title"; }).map(function (n) { return n.textContent; }).join("");
    if (!text.trim()) { return; }
    if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1) { complain("outside its figure " + svg.getAttribute("aria-labelledby"), t); }
    texts.push([t, r]);
  });
  // Letters are lower than the line they stand on: a sixth of it above and below is air.
  texts.forEach(function (a, i) {
    texts.slice(i + 1).forEach(function (b) {
      var across = Math.min(a[1].right, b[1].right) - Math.max(a[1].left, b[1].left);
      var down = Math.min(a[1].bottom, b[1].bottom) - Math.max(a[1].top, b[1].top) - Math.min(a[1].height, b[1].height) / 6;
      if (across > 0.5 && down > 0.5) { complain("overlaps " + b[0].textContent + " in " + svg.getAttribute("aria-labelledby"), a[0]); }
    });
  });
});

// Every text stands out from what is behind it: WCAG 2.1, 1.4.3, a ratio of 4.5.
function parse(c) { var m = c.match(/[\d.]+/g); return m && m.length >= 3 && (m.length < 4 || +m[3] > 0) ? m.slice(0, 3).map(Number) : null; }
function light(c) { var l = c.map(function (v) { v /= 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); }); return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; }
function ratio(a, b) { var x = light(a), y = light(b); return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); }
function behind(e) {
  for (var a = e; a; a = a.parentElement) { var c = parse(getComputedStyle(a).backgroundColor); if (c) { return c; } }
  return [255, 255, 255];
}
function under(t) { // the boxes of the flow diagram
  var r = t.getBoundingClientRect(), x = (r.left + r.right) / 2, y = (r.top + r.bottom) / 2, found = null;
  t.ownerSVGElement.querySelectorAll("rect.box,rect.out").forEach(function (b) {
    var q = b.getBoundingClientRect();
    if (q.left <= x && x <= q.right && q.top <= y && y <= q.bottom) { found = parse(getComputedStyle(b).fill); }
  });
  return found || behind(t.ownerSVGElement.parentElement);
}
var seen = {};
document.body.querySelectorAll("*").forEach(function (e) {
  var own = Array.prototype.some.call(e.childNodes, function (n) { return n.nodeType === 3 && n.textContent.trim(); });
  if (!own || !shown(e) || e.tagName === "SCRIPT" || e.tagName === "title" || e.tagName === "desc") { return; }
  var svg = e.ownerSVGElement, style = getComputedStyle(e), front = parse(svg ? style.fill : style.color), back = svg ? under(e.closest("text")) : behind(e);
  if (!front || ratio(front, back) < 4.5) {
    var kind = e.tagName + "." + e.className.toString() + front + back;
    if (!seen[kind]) { seen[kind] = true; complain("contrast " + (front ? ratio(front, back).toFixed(2) : "none"), e); }
  }
});
return wrong;
