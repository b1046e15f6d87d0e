(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");
  // Each element that differs between the languages carries its Chinese text; its English one is kept when they change.
  function speak(lang) {
    var zh = lang === "zh";
    root.lang = zh ? "zh-CN" : "en";
    document.querySelectorAll("[data-zh]").forEach(function (e) {
      if (e.dataset.en === undefined) { e.dataset.en = e.textContent; }
      e.textContent = zh ? e.dataset.zh : e.dataset.en;
    });
  }
  function colour(theme) {
    if (theme === "auto") { delete root.dataset.theme; } else { root.dataset.theme = theme; }
  }
  function save(name, type, text) {
    var url = URL.createObjectURL(new Blob([text], { type: type }));
    var a = document.createElement("a");
    a.href = url;
    a.download = name.replace(/[^\w.-]/g, "_");
    a.click();
    setTimeout(function () { URL.revokeObjectURL(url); }, 1000);
  }
  // A spreadsheet runs a cell that begins like a formula: such a text gets an apostrophe before it. Numbers are as they are.
  function quoted(text) {
    if (/^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) { text = "'" + text; }
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function cells(row) {
    var out = [];
    row.querySelectorAll("th,td").forEach(function (c) {
      var k = row.closest("table").tHead.rows[0].cells[c.cellIndex].dataset.k;
      var text = c.tagName === "TH" && c.scope === "col" ? k : c.dataset.v !== undefined ? c.dataset.v : c.textContent.trim();
      var parts = k.indexOf("|") >= 0 ? text.split("|") : [text];
      parts.forEach(function (p) { out.push(quoted(p)); });
    });
    return out.join(",");
  }
  function csv(table) {
    return "\ufeff" + Array.prototype.map.call(table.rows, cells).join("\r\n") + "\r\n";
  }
  // The colours of a saved figure are those of its attributes.
  function svg(figure) {
    var copy = figure.cloneNode(true), box = copy.viewBox.baseVal;
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width * 1.5);
    copy.setAttribute("height", box.height * 1.5);
    [copy].concat(Array.prototype.slice.call(copy.querySelectorAll("*"))).forEach(function (e) {
      ["class", "data-zh", "data-en"].forEach(function (a) { e.removeAttribute(a); });
    });
    return new XMLSerializer().serializeToString(copy);
  }
  document.getElementById("lang").addEventListener("change", function () { speak(this.value); });
  document.getElementById("theme").addEventListener("change", function () { colour(this.value); });
  document.addEventListener("click", function (e) {
    var b = e.target.closest("button[data-get]");
    if (!b) { return; }
    if (b.dataset.get === "svg") {
      var f = b.closest("figure");
      save(f.dataset.name + ".svg", "image/svg+xml", svg(f.querySelector("svg")));
    } else {
      var t = b.closest(".tbl").querySelector("table");
      save(t.dataset.name + ".csv", "text/csv", csv(t));
    }
  });
  // On paper nothing can be opened: what is neither too long nor too wide is shown.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (d) {
      var head = d.querySelector("thead tr");
      if (d.querySelectorAll("tbody tr").length <= 80 && (!head || head.cells.length <= 11)) { d.open = true; }
    });
  });
  if (/^zh\b/i.test(navigator.language || "")) {
    document.getElementById("lang").value = "zh";
    speak("zh");
  }
})();
