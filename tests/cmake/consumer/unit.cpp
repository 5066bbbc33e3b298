#include <scnative.hpp>

double first_factor(const scn::sparse& counts);

double first_factor(const scn::sparse& counts) { return scn::normalize_total<float>(counts).factors[0]; }
