"""What work in each trade looks like on a résumé: titles, duties, skills, certificates. Only words, no logic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Trade:
    """The vocabulary of one line of work."""

    titles: tuple[str, ...]
    workplaces: tuple[str, ...]
    duties: tuple[str, ...]
    skills: tuple[str, ...]
    certificates: tuple[str, ...]
    summary: str


TRADES: Final = {
    "warehouse": Trade(
        ("Order Picker", "Warehouse Associate", "Receiving Clerk", "Forklift Operator"),
        ("Tallgrass Distribution", "Ironwood Parts Depot", "Crosswind Logistics", "Mesa Supply House"),
        (
            "Picked and packed about 140 orders a shift with a hand scanner, with fewer than two errors a week.",
            "Unloaded trailers by hand and with an electric pallet jack; checked counts against the bill of lading.",
            "Drove a sit-down counterbalance forklift in narrow aisles, three years without an incident.",
            "Counted stock by cycle every Friday and traced missing cartons to their last scan.",
            "Trained eleven new pickers on scanners, labels and safe lifting.",
            "Kept the dock clean and reported damaged racking to the safety lead.",
        ),
        ("RF scanners", "Pallet jack", "Sit-down forklift", "Cycle counts", "Lifting 50 lb", "Spanish (working level)"),
        ("Forklift operator card, sit-down and reach, 2024", "OSHA 10-hour, general industry"),
        "Dependable warehouse worker, used to nights and to standing for ten hours. Looking for steady full-time work.",
    ),
    "seasonal": Trade(
        ("Package Handler", "Stock Helper", "Event Crew Member"),
        ("Lakeside Parcel Hub", "Maple & Main Gifts", "County Fair Grounds", "Orchard Gate Pumpkin Farm"),
        (
            "Sorted parcels by route on a moving belt from four in the morning, through two holiday peaks.",
            "Unpacked deliveries and filled shelves before opening, often alone.",
            "Wrapped gifts at a counter with a line out of the door, and kept it friendly.",
            "Put up and took down tents, fences and signs for weekend events.",
            "Came back two seasons in a row at the manager's request.",
        ),
        ("Early mornings", "Lifting 70 lb", "Box cutter safety", "Customer counter", "Own transport"),
        ("Food handler card, 2025",),
        "Available from now to the end of January, any shift, any day. Quick to learn, on time, no drama.",
    ),
    "retail": Trade(
        ("Cashier", "Sales Floor Associate", "Shift Lead", "Produce Clerk"),
        ("Corner Basket Grocery", "Finch & Fold Apparel", "Homestead Hardware", "Bright Aisle Market"),
        (
            "Ran a register with up to 300 transactions a day and balanced the drawer to the cent.",
            "Opened and closed the store, counted the safe and set the alarm.",
            "Rotated produce twice a day and cut waste by about a fifth in a year.",
            "Calmed annoyed customers, found what they came for and wrote down what we lacked.",
            "Planned weekly shifts for nine people with school and child care in mind.",
            "Changed price labels and end caps for every new flyer.",
        ),
        ("POS registers", "Cash handling", "Inventory orders", "Merchandising", "Shift planning", "WIC and EBT"),
        ("Alcohol seller permit", "Food safety for managers"),
        "Friendly retail worker with a good memory for faces and produce codes. Wants a store to grow with.",
    ),
    "care": Trade(
        ("Personal Care Aide", "Home Companion", "Caregiver"),
        ("Gentle Hours Home Support", "Rosehill Assisted Living", "private family", "Evergreen Day Center"),
        (
            "Helped two clients with bathing, dressing, meals and medicine reminders, five days a week.",
            "Used a gait belt and a Hoyer lift for safe transfers; never a fall in four years.",
            "Wrote daily notes for the nurse and the family, and called early when something was off.",
            "Cooked low-sodium and diabetic meals and did the light housekeeping.",
            "Drove clients to appointments and to the choir on Thursdays.",
            "Kept company with a client with dementia; learned which songs help.",
        ),
        ("Transfers and gait belts", "Dementia care", "Meal preparation", "Charting", "CPR", "Driving clients"),
        ("CPR and first aid, valid through 2027", "40-hour personal care training"),
        "Patient caregiver who listens first. References from three families gladly given.",
    ),
    "nursing": Trade(
        ("Registered Nurse", "Certified Nursing Assistant", "Charge Nurse", "Telemetry Nurse"),
        ("Desert Willow Hospital", "St. Brannoc Clinic", "Cholla Rehabilitation Center", "Palo Verde Urgent Care"),
        (
            "Cared for five to six patients a shift on a 32-bed medical-surgical floor.",
            "Started IVs, gave medication by bar code, and watched telemetry on step-down nights.",
            "Led the shift huddle and made the assignment for seven nurses and four assistants.",
            "Taught patients wound care and insulin before discharge, in English and Spanish.",
            "Took vital signs, blood sugars and intake and output, and told the nurse at once what changed.",
            "Part of the falls team: unassisted falls went from nine to three in a year.",
        ),
        ("Medication by bar code", "Charting", "IV therapy", "Telemetry", "Wound care", "Patient teaching"),
        ("Multistate RN license (number on request)", "BLS and ACLS, valid through 2027"),
        "Bedside nurse who stays calm when the board turns red. Nights preferred, weekends fine.",
    ),
    "driving": Trade(
        ("Delivery Driver", "Regional Driver", "Yard Driver", "Route Driver"),
        ("Longhorn Linen Route", "Two Rivers Hauling", "Sagebrush Dairy Transport", "Flatland Building Supply"),
        (
            "Drove a 53-foot dry van across five states, about 2,400 miles a week, home on Fridays.",
            "Made 22 stops a day with a 26-foot box truck and lift gate; unloaded by hand where needed.",
            "Did the walk-around before and after each trip and wrote up what the shop had to see.",
            "Kept electronic logs clean through two roadside inspections.",
            "Moved trailers in a yard with forty doors, nights and in snow.",
            "Collected signatures and payments and called customers when traffic said late.",
        ),
        ("CDL-A", "Electronic logs", "Lift gate", "Load securement", "Route planning", "Backing in tight docks"),
        ("CDL class A with tanker endorsement", "Medical examiner's certificate through 2027"),
        "Careful driver: 480,000 miles, no preventable accident. Looking for regular home time.",
    ),
    "kitchen": Trade(
        ("Line Cook", "Prep Cook", "Dishwasher", "Grill Cook"),
        ("The Brass Ladle", "Piedmont Diner", "Sunday Table Catering", "Juniper Room Hotel"),
        (
            "Worked grill and sauté for 180 covers on a Friday night.",
            "Prepared stocks, sauces and vegetables from seven in the morning, by list and by season.",
            "Labelled and rotated the walk-in; last three inspections scored 98 and above.",
            "Plated banquets for up to 240 guests.",
            "Washed pots, closed the kitchen and still helped on the line when it burned.",
            "Taught two apprentices knife work.",
        ),
        ("Grill", "Sauté", "Knife skills", "Food safety", "Inventory", "Banquets"),
        ("Food protection manager certificate",),
        "Cook with clean stations and a loud 'yes, chef'. Wants a kitchen that cooks from scratch.",
    ),
    "security": Trade(
        ("Security Officer", "Night Watch", "Event Steward", "Loss Prevention Associate"),
        ("Harborlight Properties", "Aurora Arena", "Great Lakes Mill Museum", "Birch Mall"),
        (
            "Patrolled a campus of six buildings on foot and by car, every two hours, every night.",
            "Watched 48 cameras, wrote incident reports and handed over to the day shift in writing.",
            "Checked badges and visitors at the front desk and called hosts with courtesy.",
            "Talked down arguments in the line; called the police twice in three years.",
            "Was first at a kitchen fire, cleared the floor and met the fire crew.",
        ),
        ("Report writing", "De-escalation", "Camera rooms", "Access control", "First aid", "Radio discipline"),
        ("State guard license", "First aid and AED"),
        "Quiet, observant officer with four winters of night shifts. Writes reports people can read.",
    ),
}

ANY_DUTIES: Final = (
    "Covered for colleagues at short notice; never missed a shift without calling.",
    "Showed new people the ropes in their first two weeks.",
    "Kept the work area clean and reported anything unsafe before it hurt somebody.",
    "Wrote the hand-over for the next shift every day.",
    "Counted stock and ordered what ran low.",
    "Was asked to stay on after the trial month.",
    "Worked weekends and holidays throughout.",
    "Helped Spanish-speaking customers and colleagues when nobody else could.",
    "Employee of the month, twice.",
    "Drove the company van for pick-ups, with a clean record.",
)
"""What can be said of any work: so that a long career need not repeat itself."""

SCHOOLS: Final = (
    "Fallbrook High School, diploma",
    "Cedar Bend Community College, one year",
    "GED",
    "Prairie Technical Institute, certificate",
    "Eastlake High School, diploma",
    "Monte Vista College, associate degree",
)
