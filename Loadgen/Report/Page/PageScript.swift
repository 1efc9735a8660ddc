/// The page's script: read-out under the pointer, hiding of series by their legend, and zoom by dragging, in which
/// charts over time move together. Everything is there without it.
enum PageScript {
    static let javascript = """
        (function () {
          'use strict';
          var WIDTH = 4000, charts = [];
          function three(v) {
            var a = Math.abs(v);
            return a >= 99.95 ? String(Math.round(v)) : a >= 9.995 ? String(Math.round(v * 10) / 10) : String(Math.round(v * 100) / 100);
          }
          function scaled(v, base, names) {
            var i = 0;
            while (i < names.length - 1 && Math.abs(v) >= base * 0.9995) { v /= base; i += 1; }
            return three(v) + ' ' + names[i];
          }
          function grouped(v) {
            if (Math.abs(v) < 100 && v !== Math.round(v)) { return String(Math.round(v * 10) / 10); }
            return String(Math.round(v)).replace(/(\\d)(?=(\\d{3})+$)/g, '$1,');
          }
          var units = {
            us: function (v) { return scaled(v, 1000, ['µs', 'ms', 's']); },
            b: function (v) { return scaled(v, 1000, ['B', 'kB', 'MB', 'GB', 'TB']); },
            p: function (v) { return three(v * 100) + ' %'; },
            c: three,
            n: grouped
          };
          function two(v) { return (v < 10 ? '0' : '') + v; }
          function clock(s, length) {
            if (length <= 120) { return String(Math.round(s * 10) / 10) + ' s'; }
            s = Math.round(s);
            if (length < 3600) { return Math.floor(s / 60) + ':' + two(s % 60); }
            return Math.floor(s / 3600) + ':' + two(Math.floor(s / 60) % 60) + ':' + two(s % 60);
          }
          function element(name, kind, text) {
            var made = document.createElement(name);
            if (kind) { made.className = kind; }
            if (text !== undefined) { made.textContent = text; }
            return made;
          }
          function nearest(list, x) {
            var low = 0, high = list.length - 1;
            while (high - low > 1) {
              var middle = (low + high) >> 1;
              if (list[middle] < x) { low = middle; } else { high = middle; }
            }
            return x - list[low] < list[high] - x ? low : high;
          }
          function Chart(figure) {
            var me = this;
            me.group = figure.dataset.group || '';
            me.data = JSON.parse(figure.querySelector('script').textContent);
            me.frame = figure.querySelector('.frame');
            me.svg = figure.querySelector('svg');
            me.cross = figure.querySelector('.cross');
            me.tip = figure.querySelector('.tip');
            me.brush = figure.querySelector('.brush');
            me.lanes = figure.querySelector('.lanes');
            me.buttons = figure.querySelectorAll('.legend button');
            me.from = 0;
            me.to = WIDTH;
            me.hidden = {};
            me.buttons.forEach(function (button, index) {
              button.setAttribute('aria-pressed', 'true');
              button.addEventListener('click', function () {
                me.hidden[index] = !me.hidden[index];
                button.classList.toggle('off', me.hidden[index]);
                button.setAttribute('aria-pressed', String(!me.hidden[index]));
                me.svg.querySelector('g[data-series="' + index + '"]').classList.toggle('off', me.hidden[index]);
              });
            });
            me.frame.addEventListener('pointerdown', function (event) {
              if (event.pointerType === 'touch' || event.target.tagName === 'BUTTON') { return; }
              me.start = event.offsetX;
              me.frame.setPointerCapture(event.pointerId);
            });
            me.frame.addEventListener('pointermove', function (event) { me.move(event.clientX); });
            me.frame.addEventListener('pointerup', function (event) { me.end(event.clientX); });
            me.frame.addEventListener('pointercancel', function () { me.leave(); });
            me.frame.addEventListener('pointerleave', function () { me.leave(); });
            me.frame.addEventListener('dblclick', function () { zoom(me, 0, WIDTH); });
          }
          Chart.prototype.at = function (pixel) { return this.from + pixel / this.svg.clientWidth * (this.to - this.from); };
          Chart.prototype.name = function (index) {
            return this.data.names.length ? this.data.names[index] : clock(this.data.x[index] / WIDTH * this.data.length, this.data.length);
          };
          Chart.prototype.inside = function (clientX) {
            var box = this.svg.getBoundingClientRect();
            return Math.min(Math.max(clientX - box.left, 0), box.width);
          };
          Chart.prototype.move = function (clientX) {
            var me = this, data = me.data, pixel = me.inside(clientX), index = nearest(data.x, me.at(pixel));
            if (me.start !== undefined) {
              me.brush.hidden = Math.abs(pixel - me.start) < 8;
              me.brush.style.left = Math.min(pixel, me.start) + 'px';
              me.brush.style.width = Math.abs(pixel - me.start) + 'px';
            }
            me.cross.setAttribute('d', 'M' + data.x[index] + ' 0v1000');
            me.tip.replaceChildren(element('b', '', me.name(index)));
            data.series.forEach(function (values, series) {
              if (me.hidden[series] || values[index] === null) { return; }
              var row = element('span');
              row.append(element('i', '', data.labels ? data.labels[series] : me.buttons[series].textContent), units[data.units[series]](values[index]));
              me.tip.append(row);
            });
            me.tip.hidden = false;
            var place = (data.x[index] - me.from) / (me.to - me.from), width = me.svg.clientWidth;
            me.tip.style.left = Math.max(Math.min(place > 0.5 ? place * width - me.tip.offsetWidth - 12 : place * width + 12, width - me.tip.offsetWidth), 0) + 'px';
          };
          Chart.prototype.leave = function () {
            this.tip.hidden = this.brush.hidden = true;
            this.cross.setAttribute('d', '');
            this.start = undefined;
          };
          Chart.prototype.end = function (clientX) {
            var pixel = this.inside(clientX), start = this.start;
            this.leave();
            if (start === undefined || Math.abs(pixel - start) < 8) { return; }
            zoom(this, this.at(Math.min(pixel, start)), this.at(Math.max(pixel, start)));
          };
          Chart.prototype.show = function (from, to) {
            var me = this, isWhole = from <= 0 && to >= WIDTH;
            me.from = from;
            me.to = to;
            me.svg.setAttribute('viewBox', from + ' 0 ' + (to - from) + ' 1000');
            me.frame.querySelectorAll('.zoomed,.reset').forEach(function (old) { old.remove(); });
            me.frame.querySelectorAll('.x,.markname').forEach(function (label) { label.hidden = !isWhole; label.style.display = isWhole ? '' : 'none'; });
            if (me.lanes) { me.lanes.style.visibility = isWhole ? '' : 'hidden'; }
            if (isWhole) { return; }
            [0, 0.25, 0.5, 0.75, 1].forEach(function (place) {
              var label = element('span', 'x zoomed', me.name(nearest(me.data.x, from + place * (to - from))));
              label.style.left = place * 100 + '%';
              me.frame.append(label);
            });
            var reset = element('button', 'reset', 'Whole run');
            reset.addEventListener('click', function () { zoom(me, 0, WIDTH); });
            me.frame.append(reset);
          };
          function zoom(source, from, to) {
            if (to - from < 8) { return; }
            charts.forEach(function (chart) {
              if (chart === source || (source.group && chart.group === source.group)) { chart.show(from, to); }
            });
          }
          document.querySelectorAll('figure.chart').forEach(function (figure) { charts.push(new Chart(figure)); });
        })();
        """
}
