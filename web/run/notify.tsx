import { signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { RunCard } from '../live/runs-changed.ts'
import { pieOf } from '../parts/pie.ts'
import { endingOf, isEnd } from './ending.ts'

const KEY = 'vggzoo.notify'
const isKnown = 'Notification' in window

/** Whether a person has switched it on, here and in the browser. */
const wanted = signal(
  isKnown && window.localStorage.getItem(KEY) === 'on' && Notification.permission === 'granted',
)

/** Tells of the end of the run that is looked at, while its page is not seen: only when switched on. */
export function Notify({ run }: { run: RunCard }) {
  const [refused, refuse] = useState(false)
  const before = useRef(run.status)
  useEffect(() => {
    const text = endingOf(before.current, run)
    before.current = run.status
    if (text === null || !wanted.value || document.visibilityState === 'visible') return
    const told = new Notification(text, { icon: pieOf(1), tag: run.id })
    told.onclick = () => window.focus()
  }, [run.status])
  if (!isKnown || isEnd(run.status)) return null
  const turn = async () => {
    const on = !wanted.value && (await Notification.requestPermission()) === 'granted'
    refuse(!on && !wanted.value)
    wanted.value = on
    if (on) window.localStorage.setItem(KEY, 'on')
    else window.localStorage.removeItem(KEY)
  }
  return (
    <span class="row small">
      <label class="check">
        <input type="checkbox" checked={wanted.value} onChange={() => void turn()} />
        Notify me when it ends
      </label>
      {refused && <span class="muted">The browser allows this page no notifications.</span>}
    </span>
  )
}
