// A file dropped on its form is sent; a record is sent once, however often the button is touched.
"use strict";
(() => {
  const drop = document.getElementById("drop");
  const file = drop.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) {
      file.files = event.dataTransfer.files;
      drop.requestSubmit();
    }
  });
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", () => {
      setTimeout(() => form.querySelectorAll("button").forEach((one) => { one.disabled = true; }));
    });
  }
  const record = document.getElementById("record");
  if (record) {
    const none = record.querySelector("input[name=defect][value=none]");
    record.addEventListener("change", (event) => {
      if (event.target.name !== "defect") return;
      const others = [...record.querySelectorAll("input[name=defect]")].filter((one) => one !== none);
      if (event.target === none && none.checked) others.forEach((one) => { one.checked = false; });
      if (event.target !== none && event.target.checked) none.checked = false;
    });
  }
})();
