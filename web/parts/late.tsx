import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** A component whose code comes when it is first shown: of what few look at, or what stands far below. */
export function late<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  return function Late(props: Props) {
    const [Shown, show] = useState<ComponentType<Props> | null>(null)
    useEffect(() => {
      load()
        .then((it) => show(() => it))
        .catch(() => {})
    }, [])
    return Shown && <Shown {...props} />
  }
}
