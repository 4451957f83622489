"use strict";
(function () {
  var search = document.getElementById("search");
  var body = document.querySelector("tbody");
  var rows = Array.prototype.slice.call(body.rows);
  var nothing = document.getElementById("nothing");
  function fold(text) {
    return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  }
  var texts = rows.map(function (row) { return fold(row.textContent + " " + row.dataset.text); });
  function filter() {
    var words = fold(search.value).split(/\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row, i) {
      var hit = words.every(function (word) { return texts[i].indexOf(word) >= 0; });
      row.hidden = !hit;
      shown += hit;
    });
    nothing.hidden = shown > 0;
  }
  search.addEventListener("input", filter);
  var heads = Array.prototype.slice.call(document.querySelectorAll("th"));
  heads.forEach(function (head, column) {
    head.querySelector("button").addEventListener("click", function () {
      var up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      rows.slice().sort(function (a, b) {
        var x = a.cells[column].dataset.key, y = b.cells[column].dataset.key;
        var n = Number(x) - Number(y);
        return (isNaN(n) ? x.localeCompare(y) : n) * (up ? 1 : -1);
      }).forEach(function (row) { body.appendChild(row); });
    });
  });
  search.hidden = false;
  search.focus();
})();
