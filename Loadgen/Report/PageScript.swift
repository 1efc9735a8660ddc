/// The page's script: read-out under the pointer, and hiding series by their legend.
///
/// Everything is there without it.
enum PageScript {
    static let javascript = """
        document.querySelectorAll('figure.chart').forEach(function (figure) {
          var data = JSON.parse(figure.querySelector('script').textContent);
          var svg = figure.querySelector('svg'), cross = figure.querySelector('.cross');
          var tip = figure.querySelector('.tip'), buttons = figure.querySelectorAll('.legend button');
          var hidden = {};
          buttons.forEach(function (button, index) {
            button.setAttribute('aria-pressed', 'true');
            button.addEventListener('click', function () {
              hidden[index] = !hidden[index];
              button.classList.toggle('off', hidden[index]);
              button.setAttribute('aria-pressed', String(!hidden[index]));
              svg.querySelector('g[data-series="' + index + '"]').classList.toggle('off', hidden[index]);
            });
          });
          function nearest(x) {
            var low = 0, high = data.x.length - 1;
            while (high - low > 1) {
              var middle = (low + high) >> 1;
              if (data.x[middle] < x) { low = middle; } else { high = middle; }
            }
            return x - data.x[low] < data.x[high] - x ? low : high;
          }
          function row(name, value) {
            var line = document.createElement('span'), label = document.createElement('i');
            label.textContent = name;
            line.append(label, value);
            return line;
          }
          svg.addEventListener('pointermove', function (event) {
            var box = svg.getBoundingClientRect(), scale = data.width / box.width;
            var index = nearest((event.clientX - box.left) * scale), at = data.x[index];
            cross.setAttribute('x1', at);
            cross.setAttribute('x2', at);
            cross.classList.add('on');
            var title = document.createElement('b');
            title.textContent = data.names[index];
            tip.replaceChildren(title);
            data.series.forEach(function (values, series) {
              if (hidden[series] || values[index] === null) { return; }
              tip.append(row(buttons[series].textContent, values[index]));
            });
            tip.hidden = false;
            var left = at / scale, isRight = left > box.width / 2;
            tip.style.left = isRight ? '' : (left + 12) + 'px';
            tip.style.right = isRight ? (box.width - left + 12) + 'px' : '';
          });
          svg.addEventListener('pointerleave', function () {
            tip.hidden = true;
            cross.classList.remove('on');
          });
        });
        """
}
