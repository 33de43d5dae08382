/** What a page in which `watchPage` runs tells of itself. Times are milliseconds since 1970. */
export interface PageWatch {
  /** When frames with something new on the canvas of a chart were painted, and what its legend said was drawn last. */
  readonly draws: { chart: number; label: string; place: number; at: number }[]
  /** When a canvas first showed a colour that is no grey: a curve. Null before. */
  coloured: number | null
  /** Milliseconds of each task that kept the page from answering for more than 50. */
  readonly longTasks: number[]
}

declare global {
  var watch: PageWatch
}

/** Runs in the page before its own scripts. All of it must be in here: it goes there as text. */
export function watchPage(): void {
  // Weak: what is looked at must not stay for that.
  const charts = new WeakMap<HTMLCanvasElement, number>()
  let seen = 0
  const draws: PageWatch['draws'] = []
  const longTasks: number[] = []
  const watch: PageWatch = { draws, longTasks, coloured: null }
  globalThis.watch = watch
  const now = () => performance.timeOrigin + performance.now()

  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(duration)
  }).observe({ type: 'longtask', buffered: true })

  const changed = new Set<HTMLCanvasElement>()
  // A chart clears its canvas whenever it draws.
  const clear = CanvasRenderingContext2D.prototype.clearRect
  CanvasRenderingContext2D.prototype.clearRect = function (...area) {
    clear.apply(this, area)
    if (changed.size === 0) requestAnimationFrame(() => channel.port2.postMessage(null))
    changed.add(this.canvas)
  }
  const channel = new MessageChannel()
  // A message that a frame sends arrives when the frame is painted.
  channel.port1.onmessage = () => {
    const at = now()
    for (const canvas of changed) {
      const chart = charts.get(canvas) ?? seen++
      charts.set(canvas, chart)
      const figure = canvas.closest('figure')
      const place = figure?.querySelector('.legend .muted')?.textContent?.replaceAll(/[^\d.]/g, '')
      const label = figure?.querySelector('figcaption')?.textContent ?? ''
      draws.push({ chart, label, place: Number(place || Number.NaN), at })
      if (watch.coloured === null && isColoured(canvas)) watch.coloured = at
    }
    changed.clear()
  }

  function isColoured(canvas: HTMLCanvasElement): boolean {
    const pixels = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data
    for (let i = 0; i < pixels.length; i += 4) {
      const [red, green, blue, alpha] = [pixels[i]!, pixels[i + 1]!, pixels[i + 2]!, pixels[i + 3]!]
      if (alpha > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) return true
    }
    return false
  }
}
