/* Inviting: what a recruiter sees can be chosen for recruiters alone. Without this file, the answer says so. */
(() => {
  "use strict";

  const role = document.getElementById("field-role");
  const sees = document.getElementById("field-sees");
  const tell = () => { sees.disabled = role.value !== "recruiter"; };
  role.addEventListener("change", tell);
  addEventListener("pageshow", tell); // coming back, a browser puts in what was chosen
})();
