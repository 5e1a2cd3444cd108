export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p className="quiet loading" role="status">
      {what} …
    </p>
  );
}
