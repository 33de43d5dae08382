export interface Throttled {
  (): void
  cancel(): void
}

/** Does something at once, and at most so often: what is asked for in between is done once, at the end. */
export function throttle(ms: number, action: () => void): Throttled {
  let timer: ReturnType<typeof setTimeout> | undefined
  let again = false
  const run = () => {
    again = false
    timer = setTimeout(() => {
      timer = undefined
      if (again) run()
    }, ms)
    action()
  }
  const throttled = () => {
    if (timer === undefined) run()
    else again = true
  }
  throttled.cancel = () => {
    clearTimeout(timer)
    timer = undefined
    again = false
  }
  return throttled
}
