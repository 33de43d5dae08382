import uPlot from 'uplot'
import { colourOf } from './colours.ts'
import { type ChartProps, type Curve, dataOf } from './model.ts'
import { chartOptions } from './options.ts'

/** In pixels of the page; the picture has twice as many each way. */
const [WIDTH, HEIGHT] = [1200, 600]

/** The curves as they are, a column each; what is not there is empty. */
export function downloadCsv(
  label: string,
  xLabel: string,
  xs: readonly number[],
  curves: readonly Curve[],
): void {
  const columns = curves.flatMap(({ label: name, values, band }) =>
    band === undefined
      ? [{ name, values }]
      : [
          { name, values },
          { name: `${name} least`, values: band.least },
          { name: `${name} greatest`, values: band.greatest },
        ],
  )
  const rows = xs.map((x, i) => [x, ...columns.map(({ values }) => values[i] ?? '')])
  const text = [[xLabel, ...columns.map(({ name }) => name)].map(quoted), ...rows]
    .map((row) => row.join(','))
    .join('\r\n')
  save(new Blob([`${text}\r\n`], { type: 'text/csv' }), `${fileName(label)}.csv`)
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The chart as it stands on the page, twice as fine, on the ground of the page. */
export function downloadPng(label: string, element: Element, props: ChartProps): void {
  // The canvas has so many pixels for each of the page's already.
  const scale = 2 / uPlot.pxRatio
  const options = chartOptions(
    element,
    () => props,
    () => {},
    WIDTH * scale,
    scale,
  )
  const place = document.createElement('div')
  const plot = new uPlot(
    {
      ...options,
      height: HEIGHT * scale,
      cursor: { show: false },
      hooks: {
        ...options.hooks,
        ready: [
          ({ ctx }) => {
            ctx.globalCompositeOperation = 'destination-over'
            ctx.fillStyle = colourOf(element, '--surface')
            ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height)
            ctx.canvas.toBlob((blob) => {
              if (blob !== null) save(blob, `${fileName(label)}.png`)
              plot.destroy()
            })
          },
        ],
      },
    },
    dataOf(props),
    place,
  )
}

function save(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

function fileName(label: string): string {
  return label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
