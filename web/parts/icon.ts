import { useEffect } from 'preact/hooks'
import usual from '../icon.svg'
import { pieOf } from './pie.ts'

/** The icon of the tab while a run is looked at: how much of it is done, as a ring; null for the usual one. */
export function useProgressIcon(share: number | null): void {
  // A ring of that size has no finer parts.
  const shown = share === null ? null : Math.round(100 * share) / 100
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
    if (link !== null) link.href = shown === null ? usual : pieOf(shown)
  }, [shown])
  useEffect(
    () => () => {
      const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
      if (link !== null) link.href = usual
    },
    [],
  )
}
