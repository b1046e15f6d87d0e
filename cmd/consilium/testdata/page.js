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

// What scrolls sideways says so: the name of a row stays when its figures are moved aside.
document.querySelectorAll(".scroll").forEach(function (e) {
  if (e.scrollWidth <= e.clientWidth + 1) { return; }
  if (!/auto|scroll/.test(getComputedStyle(e).overflowX)) { complain("it is cut, and cannot be scrolled", e); }
  if (getComputedStyle(e).backgroundImage.split("linear-gradient").length < 5) { complain("nothing shows that it scrolls", e); }
  var name = e.querySelector("tbody th");
  e.scrollLeft = e.scrollWidth;
  if (name && Math.abs(name.getBoundingClientRect().left - e.getBoundingClientRect().left) > 1) { complain("the name of a row is moved out of sight", e); }
  e.scrollLeft = 0;
});

// Texts of a figure neither overlap nor leave it, and are large enough to be read; no curve runs through one.
document.querySelectorAll("figure svg").forEach(function (svg) {
  var frame = svg.getBoundingClientRect(), texts = [];
  svg.querySelectorAll("text").forEach(function (t) {
    var r = t.getBoundingClientRect(), text = Array.prototype.filter.call(t.childNodes, function (n) { return n.nodeName !== "title"; }).map(function (n) { return n.textContent; }).join("");
    if (!text.trim()) { return; }
    var whole = t.querySelector("title");
    if (whole && whole.textContent.length < 20) { complain("a short name is cut", t); }
    if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1) { complain("outside its figure " + svg.getAttribute("aria-labelledby"), t); }
    texts.push([t, r]);
  });
  if (texts.length && parseFloat(getComputedStyle(texts[0][0]).fontSize) * svg.getScreenCTM().a < 9) { complain("letters of less than 9 pixels", svg); }
  svg.querySelectorAll("polyline,path[fill=none]").forEach(function (line) {
    var to = line.getScreenCTM(), all = line.getTotalLength();
    for (var i = 0; i <= 200; i++) {
      var at = line.getPointAtLength(all * i / 200).matrixTransform(to);
      texts.forEach(function (t) {
        var r = t[1], air = r.height / 4;
        if (at.x > r.left + 1 && at.x < r.right - 1 && at.y > r.top + air && at.y < r.bottom - air) { complain("a curve runs through it in " + svg.getAttribute("aria-labelledby"), t[0]); i = 201; }
      });
    }
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

// Who hears the page instead of seeing it finds the way: headings in order, tables and figures with names, references that lead somewhere.
var level = 0;
document.querySelectorAll("h1,h2,h3,h4").forEach(function (h) {
  var n = +h.tagName.slice(1);
  if (n > level + 1) { complain("a heading of a level too low", h); }
  level = n;
});
document.querySelectorAll("table").forEach(function (t) {
  if (!t.caption || !t.caption.textContent.trim()) { complain("a table without a caption", t); }
  else if (shown(t.caption) && t.caption.firstElementChild.getBoundingClientRect().right > innerWidth) { complain("a caption that is cut", t.caption); }
  if (t.querySelector("th:not([scope])") || !t.querySelector("thead th[scope=col]")) { complain("a table without scopes", t); }
  if (Array.prototype.some.call(t.rows, function (r) { return r.cells.length !== t.rows[0].cells.length; })) { complain("rows of different lengths", t); }
  if (t.rows.length > 41 && !t.closest("details")) { complain("a long table that cannot be collapsed", t); }
});
var ids = {};
document.querySelectorAll("[id]").forEach(function (e) { if (ids[e.id]) { complain("two are called " + e.id, e); } ids[e.id] = true; });
document.querySelectorAll("[aria-labelledby]").forEach(function (e) {
  e.getAttribute("aria-labelledby").split(" ").forEach(function (id) { if (!ids[id] || !document.getElementById(id).textContent.trim()) { complain("there is no name " + id, e); } });
});
document.querySelectorAll("a[href]").forEach(function (a) { if (!ids[decodeURIComponent(a.getAttribute("href").slice(1))]) { complain("it leads nowhere", a); } });
document.querySelectorAll("main section").forEach(function (s) { if (!document.querySelector('nav a[href="#' + s.id + '"]')) { complain("the contents do not lead to " + s.id, s); } });
document.querySelectorAll("svg").forEach(function (s) { if (!s.querySelector("title").textContent || !s.querySelector("desc").textContent) { complain("a figure without a description", s); } });
document.querySelectorAll("[tabindex]").forEach(function (e) { if (e.tabIndex > 0) { complain("out of its turn", e); } });

// What a person reads is words, not the keys of result.json.
document.querySelectorAll("table").forEach(function (t) {
  if (/-(vcov|counts|table1)$|covariance|correlation/.test(t.dataset.name)) { return; } // their columns have the names of the study
  t.querySelectorAll("thead th,tbody th[data-v]").forEach(function (th) {
    if (/^[a-z0-9]+(_[a-z0-9]+)+$/.test(th.textContent) && th.textContent === (th.dataset.k || th.dataset.v)) { complain("a key for a word in " + t.dataset.name, th); }
  });
});
// In Chinese, what was opened and what was found are told in Chinese.
if (document.documentElement.lang === "zh-CN") {
  var told = Array.prototype.slice.call(document.querySelectorAll(".warn li,dl.box dd"));
  document.querySelectorAll("table[data-name=opened] tbody tr").forEach(function (r) { told.push(r.cells[1]); });
  told.forEach(function (e) { if (!/[\u4e00-\u9fff]/.test(e.textContent)) { complain("not told in Chinese", e); } });
}
return wrong;
