import { useEffect, useId, useRef } from 'preact/hooks'
import { Naming } from '../run/naming.tsx'

interface Props {
  run: { id: string; number: number; name: string; notes: string }
  onClose: () => void
}

/** Name and notes of a run, over the list. */
export function NamingDialog({ run, onClose }: Props) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current!.showModal()
    dialog.current!.querySelector('input')!.select()
  }, [])
  const close = () => dialog.current?.close()
  return (
    <dialog ref={dialog} class="panel dialog" aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>Run #{run.number}</h2>
      <Naming run={run} onDone={close} onLeave={close} />
    </dialog>
  )
}
