import uPlot from 'uplot'
import { AXIS_WORDS } from './axis-words.ts'
import { colourOf } from './colours.ts'
import { type ChartProps, dataOf } from './model.ts'
import { chartOptions } from './options.ts'

/** In pixels of the page; the picture has twice as many each way. */
const [WIDTH, HEIGHT] = [1200, 600]
/** Above the plot: the title, and what its curves are. */
const HEAD = 64

export function downloadCsv(label: string, text: string): void {
  save(new Blob([text], { type: 'text/csv' }), `${fileName(label)}.csv`)
}

/** The chart as it stands on the page, twice as fine, on the ground of the page, with its title and its axes named. */
export function downloadPng(element: Element, props: ChartProps): void {
  // The canvas has so many pixels for each of the page's already.
  const scale = 2 / uPlot.pxRatio
  const options = chartOptions(element, () => props, {}, WIDTH * scale, scale)
  const names = [AXIS_WORDS[props.axis].name, props.yLabel]
  const plot = new uPlot(
    {
      ...options,
      height: HEIGHT * scale,
      padding: [HEAD * scale, 24 * scale, 8 * scale, 8 * scale],
      cursor: { show: false },
      axes: options.axes!.map((axis, i) => ({
        ...axis,
        label: names[i]!,
        labelFont: axis.font!,
        labelSize: 28 * scale,
      })),
      hooks: {
        ...options.hooks,
        ready: [
          ({ ctx }) => {
            drawHead(ctx, element, props)
            ctx.globalCompositeOperation = 'destination-over'
            ctx.fillStyle = colourOf(element, '--surface')
            ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height)
            ctx.canvas.toBlob((blob) => {
              if (blob !== null) save(blob, `${fileName(props.label)}.png`)
              plot.destroy()
            })
          },
        ],
      },
    },
    dataOf(props),
    document.createElement('div'),
  )
}

/** The title, and each curve's sign and name below it. In pixels of the picture. */
function drawHead(ctx: CanvasRenderingContext2D, element: Element, { label, curves }: ChartProps): void {
  ctx.save()
  ctx.textBaseline = 'middle'
  ctx.textAlign = 'left'
  ctx.fillStyle = colourOf(element, '--text')
  ctx.font = '600 36px system-ui, sans-serif'
  ctx.fillText(label, 32, 36)
  ctx.font = '24px system-ui, sans-serif'
  let left = 32
  for (const { label: name, token, dash = [], faint, ghost } of curves) {
    ctx.strokeStyle = colourOf(element, token)
    ctx.globalAlpha = faint || ghost ? 0.5 : 1
    ctx.lineWidth = ghost ? 14 : 4
    ctx.setLineDash(dash.map((length) => 2 * length))
    ctx.beginPath()
    ctx.moveTo(left, 88)
    ctx.lineTo(left + 44, 88)
    ctx.stroke()
    ctx.globalAlpha = 1
    ctx.fillText(name, left + 56, 88)
    left += 56 + ctx.measureText(name).width + 40
  }
  ctx.restore()
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
