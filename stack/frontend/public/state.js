"use strict";

const state = document.getElementById("state");

Promise.all([fetch("/health/"), fetch("/version/")])
  .then(async ([health, version]) => {
    if (!health.ok) throw new Error("not ready");
    const { release } = await version.json();
    state.textContent = `All is well. Release: ${release}.`;
  })
  .catch(() => {
    state.textContent = "Some part of it does not answer right now.";
  });
