// The strip of open alerts that every page has: loaded anew when something has changed.
"use strict";
(() => {
  if (!document.getElementById("alert-strip")) return; // nobody is logged in
  let loading = false;
  async function refresh() {
    if (loading || document.hidden) return;
    loading = true;
    try {
      const answer = await fetch("/alerts/strip", { headers: { Accept: "text/html" } });
      if (answer.status === 401) clearInterval(asking); // the login has ended
      if (!answer.ok) return;
      const text = await answer.text();
      const next = new DOMParser().parseFromString(text, "text/html").getElementById("alert-strip");
      const strip = document.getElementById("alert-strip");
      if (next && strip && next.outerHTML !== strip.outerHTML) {
        strip.replaceWith(document.adoptNode(next));
        document.dispatchEvent(new Event("alerts-changed"));
      }
    } catch (error) {
      // the server is away: the live pages say so
    } finally {
      loading = false;
    }
  }
  document.addEventListener("twin-changed", refresh);
  document.addEventListener("visibilitychange", refresh);
  const asking = setInterval(refresh, 3000);
})();
