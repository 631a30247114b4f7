/* Words of four to seven letters that are easy to pronounce and to tell apart. */
#include "wormhole/wordlist.h"

#include "crypto/random.h"

const char *const p2p_wordlist[P2P_WORDLIST_LENGTH] = {
    "acorn",   "agent",   "album",   "alder",   "anchor",  "angle",   "apron",   "arcade",
    "armor",   "aspen",   "atlas",   "attic",   "autumn",  "award",   "badger",  "bakery",
    "ballad",  "bamboo",  "banana",  "banjo",   "barley",  "basil",   "basket",  "beacon",
    "beaver",  "bench",   "berry",   "bicycle", "bishop",  "blossom", "bonfire", "border",
    "bottle",  "bread",   "breeze",  "brick",   "bridge",  "brush",   "bubble",  "buffalo",
    "butter",  "cabin",   "cactus",  "camel",   "canoe",   "cargo",   "carpet",  "castle",
    "cavern",  "cedar",   "cello",   "cement",  "chalk",   "chess",   "chimney", "cinema",
    "circle",  "citrus",  "clover",  "cobalt",  "cobra",   "coconut", "coffee",  "compass",
    "copper",  "cotton",  "cousin",  "coyote",  "cradle",  "crayon",  "cricket", "crystal",
    "cuckoo",  "curtain", "daisy",   "dancer",  "denim",   "desert",  "diamond", "diesel",
    "dolphin", "domino",  "donkey",  "drawer",  "drummer", "dynamo",  "echo",    "eclipse",
    "elbow",   "ember",   "emerald", "engine",  "fabric",  "falcon",  "feather", "fender",
    "fiddle",  "flannel", "flute",   "forest",  "fossil",  "freckle", "galaxy",  "garden",
    "garlic",  "gazelle", "geyser",  "ginger",  "giraffe", "glacier", "globe",   "goblin",
    "gondola", "gorilla", "granite", "grape",   "guitar",  "hammer",  "harvest", "helmet",
    "hickory", "hornet",  "hotel",   "iceberg", "igloo",   "indigo",  "insect",  "iris",
    "island",  "ivory",   "jaguar",  "jasmine", "jersey",  "jigsaw",  "juniper", "kayak",
    "kernel",  "kidney",  "kitchen", "koala",   "lagoon",  "lantern", "laptop",  "lava",
    "lemon",   "leopard", "library", "lilac",   "lizard",  "lobster", "locket",  "magnet",
    "maple",   "meadow",  "mercury", "meteor",  "mirror",  "mitten",  "mosaic",  "muffin",
    "museum",  "mustard", "napkin",  "nectar",  "needle",  "nephew",  "nickel",  "nutmeg",
    "ocean",   "octopus", "olive",   "onion",   "opera",   "orbit",   "orchid",  "palace",
    "panda",   "panther", "papaya",  "paprika", "parrot",  "peanut",  "pelican", "pencil",
    "penguin", "piano",   "pickle",  "pigeon",  "pillow",  "pirate",  "polar",   "pony",
    "potato",  "pretzel", "pudding", "pumpkin", "puppet",  "puzzle",  "pyramid", "quartz",
    "rabbit",  "raccoon", "radish",  "railway", "raisin",  "ribbon",  "river",   "rodeo",
    "ruby",    "saffron", "sailor",  "saturn",  "scarf",   "school",  "scooter", "shuttle",
    "siren",   "sketch",  "spider",  "spinach", "sponge",  "squid",   "stadium", "statue",
    "stereo",  "sunset",  "swallow", "syrup",   "tablet",  "teapot",  "temple",  "tennis",
    "thunder", "tobacco", "topaz",   "tornado", "tractor", "trumpet", "tulip",   "tundra",
    "tunnel",  "turkey",  "turtle",  "tuxedo",  "unicorn", "vanilla", "violin",  "volcano",
    "voyage",  "waffle",  "walnut",  "wasabi",  "window",  "wombat",  "yogurt",  "zigzag",
};

const char *p2p_wordlist_draw(void) { return p2p_wordlist[p2p_random_below(P2P_WORDLIST_LENGTH)]; }
