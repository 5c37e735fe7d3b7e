import { type ComponentProps, type ReactElement, type ReactNode, useEffect, useId, useRef } from "react";

/** A sheet over the page. What is behind waits until it is closed; Escape closes it. */
export function Dialog(props: { title: string; onClose: () => void; children: ReactNode }): ReactElement {
  const { title, onClose, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const onCancel: ComponentProps<"dialog">["onCancel"] = (event) => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog ref={dialog} className="sheet" aria-labelledby={name} onCancel={onCancel}>
      <h2 id={name}>{title}</h2>
      {children}
    </dialog>
  );
}
