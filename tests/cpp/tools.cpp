// Comparisons, gene sets, distances, simulation, statistics: beside plain loops and known laws.
#include <numeric>
#include <set>

#include "check.hpp"

namespace {

const double pi = std::acos(-1.0);

struct two_sides {
    std::vector<double> group, rest;
};

// The values of gene j inside a group, and of the group that it is compared with (-1: all other cells).
two_sides sides(const table& counts, const std::vector<std::int32_t>& groups, std::int32_t group, std::size_t j,
                std::int32_t reference = -1) {
    two_sides made;
    for (std::size_t i = 0; i < counts.n_obs; ++i) {
        if (groups[i] == group) {
            made.group.push_back(counts(i, j));
        } else if (reference < 0 || groups[i] == reference) {
            made.rest.push_back(counts(i, j));
        }
    }
    return made;
}

double fraction(const std::vector<double>& values) {
    return static_cast<double>(std::count_if(values.begin(), values.end(), [](double x) { return x != 0; })) /
           static_cast<double>(values.size());
}

// Mann and Whitney's U by its definition, over all pairs.
double pairs_won(const two_sides& of) {
    double u = 0;
    for (double a : of.group) {
        for (double b : of.rest) {
            u += a > b ? 1 : a == b ? 0.5 : 0;
        }
    }
    return u;
}

// z of Wilcoxon's test with ties corrected for.
double wilcoxon_z(const two_sides& of) {
    const double n = static_cast<double>(of.group.size()), m = static_cast<double>(of.rest.size()), all = n + m;
    std::vector<double> values = of.group;
    values.insert(values.end(), of.rest.begin(), of.rest.end());
    double ties = 0;
    for (double value : std::set<double>(values.begin(), values.end())) {
        const auto t = static_cast<double>(std::count(values.begin(), values.end(), value));
        ties += t * t * t - t;
    }
    return (pairs_won(of) - n * m / 2) / std::sqrt(n * m / 12 * (all + 1 - ties / (all * (all - 1))));
}

double distance(const table& points, std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t j = 0; j < points.n_vars; ++j) {
        sum += (points(a, j) - points(b, j)) * (points(a, j) - points(b, j));
    }
    return sum;
}

// The mean of f over the pairs of a cell of one group and one of the other; within a group of different cells, or of all.
template <class F>
double mean_over_pairs(const std::vector<std::int32_t>& groups, std::int32_t a, std::int32_t b, bool different, F f) {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        for (std::size_t k = 0; k < groups.size(); ++k) {
            if (groups[i] == a && groups[k] == b && !(different && i == k)) {
                sum += f(i, k);
                ++n;
            }
        }
    }
    return sum / n;
}

}  // namespace

TEST(wilcoxons_test_of_groups) {
    const table counts = make_counts();
    const triple<> by_cell(counts), by_gene(counts, scn::axis::var);
    const std::vector<std::int32_t> groups = make_labels(37);
    scn::rank_genes_groups_options options;
    options.method = scn::method::wilcoxon;
    options.tie_correct = true;
    const scn::ranked_genes made = scn::rank_genes_groups(by_cell.view(), groups, options, scn::choice<scn::ranking>::all());
    CHECK(scn::rank_genes_groups(by_gene.view(), groups, options).scores == made.scores);
    for (std::int32_t group = 0; group < 3; ++group) {
        std::vector<double> pvals;
        for (std::size_t j = 0; j < 23; ++j) {
            const two_sides of = sides(counts, groups, group, j);
            const std::size_t at = static_cast<std::size_t>(group) * 23 + j;
            const double pairs = static_cast<double>(of.group.size() * of.rest.size());
            CHECK(made.u[at] == pairs_won(of) && near(made.auroc[at], pairs_won(of) / pairs));
            CHECK(near(made.scores[at], wilcoxon_z(of), 1e-10));
            CHECK(near(made.pvals[at], std::erfc(std::abs(made.scores[at]) / std::sqrt(2.0)), 1e-12));
            CHECK(near(std::exp(made.ln_pvals[at]), made.pvals[at], 1e-10));
            CHECK(near(made.means[at], mean(of.group)) && near(made.means_reference[at], mean(of.rest)));
            CHECK(near(made.fractions[at], fraction(of.group)) && near(made.fractions_reference[at], fraction(of.rest)));
            const double fold = std::log2((std::expm1(mean(of.group)) + 1e-9) / (std::expm1(mean(of.rest)) + 1e-9));
            CHECK(near(made.log_fold_changes[at], fold, 1e-9));
            pvals.push_back(made.pvals[at]);
        }
        const std::vector<double> adjusted = scn::adjust_p(pvals);
        CHECK(std::equal(adjusted.begin(), adjusted.end(), made.pvals_adj.begin() + group * 23));
    }
}

TEST(t_tests_of_groups) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    const std::vector<std::int32_t> groups = make_labels(37);
    scn::rank_genes_groups_options welch, student;
    student.method = scn::method::student;
    student.reference = 2;
    student.corr_method = scn::corr_method::bonferroni;
    student.fold_change = scn::fold_change::seurat_v4;
    const scn::ranked_genes a = scn::rank_genes_groups(arrays.view(), groups, welch);
    const scn::ranked_genes b = scn::rank_genes_groups(arrays.view(), groups, student);
    CHECK(a.auroc.empty() && a.means.empty() && a.ln_pvals.empty() && a.scores.size() == 69);
    for (std::size_t j = 0; j < 23; ++j) {
        const two_sides w = sides(counts, groups, 0, j), s = sides(counts, groups, 0, j, 2);
        const double n = static_cast<double>(w.group.size()), m = static_cast<double>(w.rest.size());
        const double v = variance(w.group) / n, u = variance(w.rest) / m;
        const double t = (mean(w.group) - mean(w.rest)) / std::sqrt(v + u),
                     df = (v + u) * (v + u) / (v * v / (n - 1) + u * u / (m - 1));
        CHECK(near(a.scores[j], t, 1e-10));
        CHECK(near(a.pvals[j], scn::student_p(std::vector<double>{t}, std::vector<double>{df})[0], 1e-9));

        const double k = static_cast<double>(s.group.size()), l = static_cast<double>(s.rest.size());
        const double pooled = ((k - 1) * variance(s.group) + (l - 1) * variance(s.rest)) / (k + l - 2);
        CHECK(near(b.scores[j], (mean(s.group) - mean(s.rest)) / std::sqrt(pooled * (1 / k + 1 / l)), 1e-10));
        CHECK(near(b.pvals_adj[j], std::min(1.0, 23 * b.pvals[j])));
        double up = 0, down = 0;
        for (double x : s.group) {
            up += std::expm1(x) / k;
        }
        for (double x : s.rest) {
            down += std::expm1(x) / l;
        }
        CHECK(near(b.log_fold_changes[j], std::log2(up + 1) - std::log2(down + 1), 1e-10));
        CHECK(std::isnan(b.scores[2 * 23 + j]));
    }
}

TEST(order_of_genes) {
    random_numbers draw(3);
    std::vector<double> scores(2 * 30);
    for (double& score : scores) {
        score = static_cast<double>(draw.below(9)) - 4;  // with ties
    }
    scores[7] = NAN;
    const std::vector<std::int64_t> all = scn::rank_order(scores, 2, 30), top = scn::rank_order(scores, 2, 30, 5, true);
    CHECK(all.size() == 60 && top.size() == 10 && all[29] == 7 && scn::rank_order(scores, 2, 30, 0).empty());
    for (std::size_t group = 0; group < 2; ++group) {
        const auto expected = [&](auto value) {
            std::vector<std::int64_t> order(30);
            std::iota(order.begin(), order.end(), 0);
            std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
                const double x = scores[group * 30 + static_cast<std::size_t>(a)],
                             y = scores[group * 30 + static_cast<std::size_t>(b)];
                return std::isnan(x) ? false : std::isnan(y) || value(x) > value(y);
            });
            return order;
        };
        const auto plain = expected([](double x) { return x; }), absolute = expected([](double x) { return std::abs(x); });
        CHECK(std::equal(plain.begin(), plain.end(), all.begin() + static_cast<long>(group * 30)));
        CHECK(std::equal(absolute.begin(), absolute.begin() + 5, top.begin() + static_cast<long>(group * 5)));
    }
}

TEST(scores_of_gene_sets) {
    const table counts = make_counts(60, 120);
    const triple<> arrays(counts);
    const std::vector<std::int64_t> set = {3, 70, 3, 115};
    scn::control_genes_options options;
    options.ctrl_size = 4;
    options.n_bins = 6;
    const std::vector<std::int64_t> control = scn::control_genes(arrays.view(), set, options);
    CHECK(!control.empty() && control.size() <= 12 && std::is_sorted(control.begin(), control.end()));
    for (std::int64_t gene : set) {
        CHECK(std::find(control.begin(), control.end(), gene) == control.end());
    }
    CHECK(scn::control_genes(arrays.view(), set, options) == control);
    options.random_state = 9;
    CHECK(scn::control_genes(arrays.view(), set, options) != control);
    std::vector<std::int64_t> pool(80);
    std::iota(pool.begin(), pool.end(), 40);
    pool.push_back(3);
    for (std::int64_t gene : scn::control_genes(arrays.view(), set, options, pool)) {
        CHECK(gene >= 40);
    }
    CHECK_ERROR(scn::control_genes(arrays.view(), {}, options), SCN_ERR_INVALID_ARGUMENT, "gene_list");
    CHECK_ERROR(scn::control_genes(arrays.view(), set, options, std::vector<std::int64_t>{}), SCN_ERR_INVALID_ARGUMENT,
                "gene_pool: is empty");
    CHECK_ERROR(scn::score_genes(arrays.view(), set, {}), SCN_ERR_INVALID_ARGUMENT, "control");

    const std::vector<double> scores = scn::score_genes(arrays.view(), set, control);
    for (std::size_t i = 0; i < 60; ++i) {
        double others = 0;
        for (std::int64_t gene : control) {
            others += counts(i, static_cast<std::size_t>(gene)) / static_cast<double>(control.size());
        }
        CHECK(near(scores[i], (counts(i, 3) + counts(i, 70) + counts(i, 115)) / 3 - others));
    }
}

TEST(phases_of_the_cell_cycle) {
    const std::vector<double> s = {-1, 0.5, 0.2, -0.1, NAN}, g2m = {-2, 0.1, 0.3, 0.1, 1};
    using scn::phase;
    CHECK((scn::cell_cycle_phase(s, g2m) == std::vector<phase>{phase::g1, phase::s, phase::g2m, phase::g2m, phase::s}));
    CHECK(scn::cell_cycle_phase({}, {}).empty());
}

TEST(distances_between_groups) {
    const table points = make_counts(40, 6);
    const std::vector<std::int32_t> groups = make_labels(40);
    const auto square = [&](std::size_t a, std::size_t b) { return distance(points, a, b); };
    const auto root = [&](std::size_t a, std::size_t b) { return std::sqrt(distance(points, a, b)); };
    const auto energy = [&](std::int32_t a, std::int32_t b, bool unbiased, auto d) {
        return 2 * mean_over_pairs(groups, a, b, false, d) - mean_over_pairs(groups, a, a, unbiased, d) -
               mean_over_pairs(groups, b, b, unbiased, d);
    };
    const std::vector<double> all = scn::energy_distance(view_of(points), groups);
    CHECK(all.size() == 9 && all[0] == 0 && near(all[1], energy(0, 1, true, square), 1e-10) && all[1] == all[3]);
    const std::vector<double> one = scn::energy_distance(view_of(points), groups, scn::metric::euclidean, false, 2);
    CHECK(one.size() == 3 && one[2] == 0 && near(one[0], energy(0, 2, false, root), 1e-10));

    const auto kernel = [&](double gamma) {
        return [&points, gamma](std::size_t a, std::size_t b) { return std::exp(-gamma * distance(points, a, b)); };
    };
    const auto mmd = [&](std::int32_t a, std::int32_t b, bool unbiased, auto k) {
        return mean_over_pairs(groups, a, a, unbiased, k) + mean_over_pairs(groups, b, b, unbiased, k) -
               2 * mean_over_pairs(groups, a, b, false, k);
    };
    const std::vector<double> gammas = {0.01, 0.1};
    const scn::mmd_result two = scn::mmd(view_of(points), groups, gammas, true);
    CHECK(two.gammas == gammas && two.squared.size() == 9);
    CHECK(near(two.squared[1], (mmd(0, 1, true, kernel(0.01)) + mmd(0, 1, true, kernel(0.1))) / 2, 1e-10));
    const scn::mmd_result median = scn::mmd(view_of(points), groups, {}, false, 0);
    CHECK(median.gammas.size() == 1 && median.squared.size() == 3 && median.squared[0] == 0);
    CHECK(near(median.squared[2], mmd(2, 0, false, kernel(median.gammas[0])), 1e-10));
}

TEST(simulated_cells_are_as_told) {
    scn::simulate_options options;
    options.n_clusters = 4;
    options.markers_per_cluster = 6;
    options.marker_fold_change = 50;
    options.n_batches = 2;
    options.value_type = scn::dtype::i32;
    const scn::simulated_counts drawn = scn::simulate_counts(400, 300, options);
    CHECK(drawn.counts.n_obs() == 400 && drawn.counts.n_vars() == 300 && drawn.counts.dtype() == scn::dtype::i32);
    CHECK(drawn.counts.index_dtype() == scn::dtype::i32 && drawn.counts.major() == scn::axis::obs);
    for (std::size_t i = 0; i < 400; ++i) {
        CHECK(drawn.clusters[i] == static_cast<int>(i % 4) && drawn.batches[i] == static_cast<int>(i / 4 % 2));
    }
    const scn::statistics by_cluster = scn::aggregate(drawn.counts, drawn.clusters, scn::axis::obs, 1, scn::stat::mean);
    for (std::int32_t cluster = 0; cluster < 4; ++cluster) {
        CHECK(std::count(drawn.marker_of.begin(), drawn.marker_of.end(), cluster) == 6);
    }
    int highest = 0;
    for (std::size_t j = 0; j < 300; ++j) {
        if (drawn.marker_of[j] >= 0) {
            int best = 0;
            for (int cluster = 1; cluster < 4; ++cluster) {
                best = by_cluster.mean[static_cast<std::size_t>(cluster) * 300 + j] >
                               by_cluster.mean[static_cast<std::size_t>(best) * 300 + j]
                           ? cluster
                           : best;
            }
            highest += best == drawn.marker_of[j];
        }
    }
    CHECK(highest >= 23);
}

TEST(tails_of_distributions) {
    std::vector<double> z, ones, twos;
    for (double x = -30; x <= 30; x += 0.7) {
        z.push_back(x);
    }
    ones.assign(z.size(), 1);
    twos.assign(z.size(), 2);
    const auto normal = scn::normal_p(z), normal_log = scn::normal_p(z, true), one = scn::student_p(z, ones),
               two = scn::student_p(z, twos);
    for (std::size_t k = 0; k < z.size(); ++k) {
        const double x = std::abs(z[k]);
        CHECK(std::abs(normal[k] / std::erfc(x / std::sqrt(2.0)) - 1) < 1e-12 && near(std::exp(normal_log[k]), normal[k], 1e-12));
        CHECK(near(one[k], 1 - 2 / pi * std::atan(x)));     // Cauchy's distribution
        CHECK(near(two[k], 1 - x / std::sqrt(2 + x * x)));  // in closed form as well
    }
    CHECK(near(scn::student_p(z, ones, true)[0], std::log(one[0])));
    CHECK(scn::normal_p({}).empty() && std::isnan(scn::normal_p(std::vector<double>{NAN})[0]));
}

TEST(corrections_for_many_tests) {
    const std::vector<double> p = {0.01, 0.5, 0.03, NAN, 0.02, 1};
    const std::vector<double> bonferroni = scn::adjust_p(p, scn::corr_method::bonferroni);
    const std::vector<double> hochberg = scn::adjust_p(p), yekutieli = scn::adjust_p(p, scn::corr_method::benjamini_yekutieli);
    const double harmonic = 1 + 1 / 2.0 + 1 / 3.0 + 1 / 4.0 + 1 / 5.0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        if (std::isnan(p[i])) {
            CHECK(std::isnan(bonferroni[i]) && std::isnan(hochberg[i]) && std::isnan(yekutieli[i]));
            continue;
        }
        double smallest = 1;  // over all that are not smaller, p times 5 over its rank
        for (double q : p) {
            if (q >= p[i]) {
                const auto rank = std::count_if(p.begin(), p.end(), [&](double r) { return r <= q; });
                smallest = std::min(smallest, q * 5 / static_cast<double>(rank));
            }
        }
        CHECK(near(bonferroni[i], std::min(1.0, 5 * p[i])) && near(hochberg[i], smallest));
        CHECK(near(yekutieli[i], std::min(1.0, smallest * harmonic)));
    }
}

TEST(smooth_curves) {
    std::vector<double> x(50), y(50), new_x = {0.33, 2.5, 99};
    for (std::size_t i = 0; i < 50; ++i) {
        x[i] = static_cast<double>(i) / 10;
        y[i] = 3 - 2 * x[i] + 0.5 * x[i] * x[i];
    }
    const auto parabola = [](double at) { return 3 - 2 * at + 0.5 * at * at; };
    scn::loess_options direct;
    direct.surface = scn::surface::direct;
    CHECK(all_near(scn::loess(x, y, direct), y, 1e-9));  // a local polynomial of degree 2 is the parabola
    const std::vector<double> there = scn::loess(x, y, direct, {}, new_x);
    CHECK(near(there[0], parabola(0.33), 1e-9) && near(there[1], parabola(2.5), 1e-9) && std::isnan(there[2]));
    CHECK(scn::loess(x, y, direct, {}, std::vector<double>{}).empty());
    std::vector<double> weights(50, 1);
    y[20] += 100;
    weights[20] = 0;  // as if that point were not there
    CHECK(near(scn::loess(x, y, direct, weights)[21], parabola(x[21]), 1e-9));
    CHECK(std::abs(scn::loess(x, y, direct)[21] - parabola(x[21])) > 1);
    std::vector<double> none;
    none.reserve(1);  // an address, and nothing at it
    CHECK(scn::loess(x, y, direct, none) == scn::loess(x, y, direct));
    weights.pop_back();
    CHECK_ERROR(scn::loess(x, y, direct, weights), SCN_ERR_SHAPE, "weights");
}

TEST(the_library_says_what_it_is) {
    const scn::library_info info = scn::build_info();
    CHECK(info.version == std::string(scn_version()) && info.abi_version == SCN_ABI_VERSION && info.threads >= 1);
    CHECK(info.version.find(std::to_string(SCN_VERSION_MAJOR) + "." + std::to_string(SCN_VERSION_MINOR)) == 0);
    CHECK(info.cpu_features.find('\0') == std::string::npos);
}

TEST(comparisons_as_seurat_has_them) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    const std::vector<std::int32_t> groups = make_labels(37);
    scn::rank_genes_groups_options options;
    const auto folds = [&](scn::fold_change convention) {
        options.fold_change = convention;
        return scn::rank_genes_groups(arrays.view(), groups, options, scn::ranking::log_fold_changes).log_fold_changes;
    };
    const std::vector<double> difference = folds(scn::fold_change::difference),
                              of_means = folds(scn::fold_change::seurat_v4_means);
    for (std::size_t j = 0; j < 23; ++j) {
        const two_sides of = sides(counts, groups, 0, j);
        CHECK(near(difference[j], mean(of.group) - mean(of.rest)));
        CHECK(near(of_means[j], std::log2(mean(of.group) + 1) - std::log2(mean(of.rest) + 1)));
    }
    // the exact distribution of U: of 2 and 3 cells without ties, each of 10 orders is as likely
    const std::vector<double> cells = {5, 4, 1, 2, 3};
    const std::vector<std::int32_t> two = {0, 0, 1, 1, 1};
    scn::rank_genes_groups_options exact;
    exact.method = scn::method::wilcoxon;
    exact.exact = true;
    CHECK(near(scn::rank_genes_groups(scn::dense(5, 1, cells), two, exact, scn::ranking::pvals).pvals[0], 2.0 / 10));
}
