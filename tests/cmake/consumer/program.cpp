// The same as program.c through scnative.hpp, which a second translation unit includes as well.
#include <cstdio>
#include <scnative.hpp>

double first_factor(const scn::sparse& counts);

int main() {
    scn::context how;
    how.n_threads = 2;
    const auto drawn = scn::simulate_counts(200, 300, {}, how);
    std::printf("%s %.17g\n", scn::build_info().version.c_str(), first_factor(drawn.counts));
    how.n_threads = -1;
    try {
        static_cast<void>(scn::simulate_counts(200, 300, {}, how));
    } catch (const scn::error& error) {
        return error.status() == SCN_ERR_INVALID_ARGUMENT ? 0 : 1;
    }
    return 1;
}
