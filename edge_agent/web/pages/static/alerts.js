// The lists of alerts, loaded anew when they have changed, unless somebody is typing.
"use strict";
(() => {
  async function refresh() {
    const lists = document.getElementById("alert-lists");
    const active = document.activeElement;
    if (lists.contains(active) && active.tagName === "INPUT") return;
    if ([...lists.querySelectorAll("input[name=note]")].some((one) => one.value !== one.defaultValue)) return;
    try {
      const answer = await fetch("/alerts");
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("alert-lists");
      if (next && next.innerHTML !== lists.innerHTML) lists.replaceWith(document.adoptNode(next));
    } catch (error) {
      // the server is away
    }
  }
  document.addEventListener("alerts-changed", refresh);
  setInterval(refresh, 5000);
})();
