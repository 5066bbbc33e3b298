// Quality, normalisation, scaling, variable genes: beside plain loops.
#include "check.hpp"

namespace {

// The log-normalised values that a table should get.
table log_normalised(table counts, double target) {
    for (std::size_t i = 0; i < counts.n_obs; ++i) {
        const double total = counts.row_sum(i);
        for (std::size_t j = 0; j < counts.n_vars; ++j) {
            counts(i, j) = std::log1p(counts(i, j) / (total / target));
        }
    }
    return counts;
}

std::vector<double> dense_of(const scn::matrix_view& matrix, const std::vector<double>& values) {
    return scn::to_dense<double>(matrix.with_values(values));
}

}  // namespace

TEST(quality_metrics) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    std::vector<std::uint8_t> first_five(23), none(23);
    std::fill_n(first_five.begin(), 5, std::uint8_t{1});
    const scn::qc_metrics qc = scn::calculate_qc_metrics(arrays.view(), {{2, 23}, {first_five, none}});
    for (std::size_t i = 0; i < 37; ++i) {
        std::vector<double> cell(counts.cells.begin() + static_cast<long>(i * 23),
                                 counts.cells.begin() + static_cast<long>((i + 1) * 23));
        const double total = counts.row_sum(i), in_five = cell[0] + cell[1] + cell[2] + cell[3] + cell[4];
        CHECK(qc.n_genes_by_counts[i] == std::count_if(cell.begin(), cell.end(), [](double x) { return x > 0; }));
        CHECK(qc.total_counts[i] == total);
        CHECK(qc.subset_counts[i] == in_five && near(qc.subset_pct[i], 100 * in_five / total));
        CHECK(qc.subset_counts[37 + i] == 0 && qc.subset_pct[37 + i] == 0);
        std::sort(cell.rbegin(), cell.rend());
        CHECK(near(qc.pct_counts_in_top[i], 100 * (cell[0] + cell[1]) / total) && qc.pct_counts_in_top[37 + i] == 100);
    }
    for (std::size_t j = 0; j < 23; ++j) {
        const std::vector<double> gene = counts.column(j);
        const auto n_cells = std::count_if(gene.begin(), gene.end(), [](double x) { return x > 0; });
        CHECK(qc.n_cells_by_counts[j] == n_cells && near(qc.mean_counts[j], mean(gene)));
        CHECK(near(qc.total_counts_of_genes[j], 37 * mean(gene)));
        CHECK(near(qc.pct_dropout[j], 100 * (1 - static_cast<double>(n_cells) / 37)));
    }
    CHECK_ERROR(scn::calculate_qc_metrics(arrays.view()), SCN_ERR_INVALID_ARGUMENT, "50");  // scanpy's defaults ask for 500 genes
}

TEST(cells_and_genes_pass_thresholds) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    scn::cell_threshold genes;
    genes.max_genes = 10;
    const scn::kept cells = scn::filter_cells(arrays.view(), genes);
    scn::gene_threshold total;
    total.min_counts = 70;
    const scn::kept kept = scn::filter_genes(arrays.view(), total);
    for (std::size_t i = 0; i < 37; ++i) {
        const auto begin = counts.cells.begin() + static_cast<long>(i * 23);
        const auto positive = std::count_if(begin, begin + 23, [](double x) { return x > 0; });
        CHECK(cells.number[i] == static_cast<double>(positive) && (cells.keep[i] != 0) == (positive <= 10));
    }
    for (std::size_t j = 0; j < 23; ++j) {
        CHECK(near(kept.number[j], 37 * mean(counts.column(j))) && (kept.keep[j] != 0) == (kept.number[j] >= 70));
    }
    const auto passed = std::count(kept.keep.begin(), kept.keep.end(), 1);
    CHECK(passed > 0 && passed < 23 && scn::subset_masked(arrays.view(), std::nullopt, kept.keep).n_vars() == passed);
}

TEST(normalised_totals) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    scn::normalize_total_options options;
    options.target_sum = 50;
    const auto made = scn::normalize_total<double>(arrays.view(), options);
    CHECK(made.target_sum == 50 && std::count(made.highly_expressed.begin(), made.highly_expressed.end(), 0) == 23);
    const std::vector<double> cells = dense_of(arrays.view(), made.values);
    for (std::size_t i = 0; i < 37; ++i) {
        CHECK(made.factors[i] == counts.row_sum(i) / 50);
        for (std::size_t j = 0; j < 23; ++j) {
            CHECK(near(cells[i * 23 + j], counts(i, j) / made.factors[i]));
        }
    }
    const auto by_median = scn::normalize_total<float>(view_of(counts));
    std::vector<double> totals = scn::stats(view_of(counts), scn::axis::var).sum;
    std::sort(totals.begin(), totals.end());
    CHECK(by_median.target_sum == totals[18] && by_median.values.size() == 37 * 23);

    options.exclude_highly_expressed = true;
    options.max_fraction = 0.15;
    const auto excluding = scn::normalize_total<double>(arrays.view(), options);
    std::vector<std::uint8_t> expected(23);
    for (std::size_t i = 0; i < 37; ++i) {
        for (std::size_t j = 0; j < 23; ++j) {
            expected[j] = expected[j] != 0 || counts(i, j) > 0.15 * counts.row_sum(i);
        }
    }
    CHECK(excluding.highly_expressed == expected && std::count(expected.begin(), expected.end(), 1) > 0);
}

TEST(logarithms) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    const triple<std::int32_t, std::int32_t, std::uint16_t> whole(counts);
    const std::vector<double> natural = scn::log1p<double>(whole.view()), base_2 = scn::log1p<double>(arrays.view(), 2);
    for (std::size_t k = 0; k < natural.size(); ++k) {
        CHECK(near(natural[k], std::log1p(arrays.values[k]), 1e-15) && near(base_2[k], std::log2(1 + arrays.values[k]), 1e-15));
    }
    CHECK(all_near(scn::log1p<float>(arrays.view()), natural, 1e-6));

    scn::normalize_total_options options;
    options.target_sum = 1e4;
    const auto made = scn::normalize_log1p<double>(arrays.view(), options);
    CHECK(all_near(dense_of(arrays.view(), made.values), log_normalised(counts, 1e4).cells));
    const auto normalised = scn::normalize_total<double>(arrays.view(), options);
    CHECK(scn::log1p<double>(arrays.view().with_values(normalised.values)) == made.values);
}

TEST(seurats_normalisations) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    const std::vector<double> relative = dense_of(arrays.view(), scn::normalize_relative<double>(arrays.view(), 100));
    const std::vector<double> of_genes = dense_of(arrays.view(), scn::normalize_clr<double>(arrays.view()));
    const std::vector<double> of_cells = dense_of(arrays.view(), scn::normalize_clr<double>(arrays.view(), scn::axis::obs));
    for (std::size_t i = 0; i < 37; ++i) {
        double cell = 0;
        for (std::size_t j = 0; j < 23; ++j) {
            cell += std::log1p(counts(i, j));
        }
        for (std::size_t j = 0; j < 23; ++j) {
            double gene = 0;
            for (double value : counts.column(j)) {
                gene += std::log1p(value);
            }
            CHECK(near(relative[i * 23 + j], counts(i, j) / counts.row_sum(i) * 100));
            CHECK(near(of_genes[i * 23 + j], std::log1p(counts(i, j) / std::exp(gene / 37))));
            CHECK(near(of_cells[i * 23 + j], std::log1p(counts(i, j) / std::exp(cell / 23))));
        }
    }
}

TEST(in_place_gives_the_same_bits) {
    const triple<> arrays(make_counts());
    scn::normalize_total_options options;
    options.target_sum = 1e4;
    const auto change = [&](auto function) {
        triple<> changed = arrays;
        function(changed.view_to_change());
        return changed.values;
    };
    using view = const scn::mutable_matrix_view&;
    scn::size_factors factors;
    CHECK(change([&](view m) { factors = scn::normalize_total_inplace(m, options); }) ==
          scn::normalize_total<double>(arrays.view(), options).values);
    CHECK(factors.factors == scn::normalize_total<double>(arrays.view(), options).factors && factors.target_sum == 1e4);
    CHECK(change([&](view m) { scn::normalize_log1p_inplace(m, options); }) ==
          scn::normalize_log1p<double>(arrays.view(), options).values);
    CHECK(change([](view m) { scn::log1p_inplace(m, 10); }) == scn::log1p<double>(arrays.view(), 10));
    CHECK(change([](view m) { scn::normalize_relative_inplace(m); }) == scn::normalize_relative<double>(arrays.view()));
    CHECK(change([](view m) { scn::normalize_clr_inplace(m); }) == scn::normalize_clr<double>(arrays.view()));
    scn::scale_options not_centred;
    not_centred.zero_center = false;
    scn::moments by;
    const auto scaled = scn::scale<double>(arrays.view(), not_centred);
    CHECK(dense_of(arrays.view(), change([&](view m) { by = scn::scale_inplace(m, not_centred); })) == scaled.values);
    CHECK(by.stds == scaled.stds && by.means == scaled.means);
    table cells = make_counts();
    scn::scale_inplace(scn::dense(37, 23, cells.cells));
    CHECK(cells.cells == scn::scale<double>(arrays.view()).values);
}

TEST(scaled_genes) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    scn::scale_options clipped;
    clipped.max_value = 1.5;
    const auto made = scn::scale<double>(arrays.view(), clipped);
    const auto by_gene = scn::scale<float>(arrays.view(), clipped, {}, scn::axis::var);
    const std::vector<std::int32_t> groups = make_labels(37);
    const auto in_groups = scn::scale<double>(arrays.view(), {}, groups);
    CHECK(in_groups.means.size() == 3 * 23 && made.means.size() == 23);
    for (std::size_t j = 0; j < 23; ++j) {
        const std::vector<double> gene = counts.column(j);
        const double center = mean(gene), spread = std::sqrt(variance(gene));
        CHECK(near(made.means[j], center) && near(made.stds[j], spread));
        std::vector<double> second;
        for (std::size_t i = 0; i < 37; ++i) {
            const double expected = std::clamp((gene[i] - center) / spread, -1.5, 1.5);
            CHECK(near(made.values[i * 23 + j], expected) && near(by_gene.values[j * 37 + i], expected, 1e-6));
            if (groups[i] == 1) {
                second.push_back(gene[i]);
            }
        }
        CHECK(near(in_groups.means[23 + j], mean(second)) && near(in_groups.stds[23 + j], std::sqrt(variance(second))));
        CHECK(near(in_groups.values[23 + j], (gene[1] - mean(second)) / std::sqrt(variance(second))));
        CHECK(in_groups.values[6 * 23 + j] == gene[6]);  // in no group
    }
}

TEST(residuals_of_regressions) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    random_numbers draw(5);
    std::vector<double> covariates(2 * 37);
    for (double& value : covariates) {
        value = draw.uniform();
    }
    const std::vector<double> two = scn::regress_out<double>(arrays.view(), covariates, 2);
    for (std::size_t j = 0; j < 23;
         ++j) {  // residuals are orthogonal to a constant and to each covariate, and differ by those alone
        double constant = 0, first = 0, second = 0;
        for (std::size_t i = 0; i < 37; ++i) {
            constant += two[i * 23 + j];
            first += two[i * 23 + j] * covariates[i];
            second += two[i * 23 + j] * covariates[37 + i];
        }
        CHECK(near(constant, 0, 1e-10) && near(first, 0, 1e-10) && near(second, 0, 1e-10));
    }
    const std::vector<double> one = scn::regress_out<double>(arrays.view(), scn::span<const double>(covariates.data(), 37));
    for (std::size_t j = 0; j < 23; ++j) {  // the slope of a straight line, by its formula
        const std::vector<double> x(covariates.begin(), covariates.begin() + 37), y = counts.column(j);
        double xy = 0, xx = 0;
        for (std::size_t i = 0; i < 37; ++i) {
            xy += (x[i] - mean(x)) * (y[i] - mean(y));
            xx += (x[i] - mean(x)) * (x[i] - mean(x));
        }
        for (std::size_t i = 0; i < 37; ++i) {
            CHECK(near(one[i * 23 + j], y[i] - mean(y) - xy / xx * (x[i] - mean(x)), 1e-10));
        }
    }
    std::vector<std::int32_t> batches(37);
    for (std::size_t i = 0; i < 37; ++i) {
        batches[i] = static_cast<std::int32_t>(i % 2);
    }
    const std::vector<double> grouped = scn::regress_out_groups<double>(arrays.view(), batches);
    const std::vector<double> means = scn::aggregate(arrays.view(), batches, scn::axis::obs, 1, scn::stat::mean).mean;
    for (std::size_t k = 0; k < grouped.size(); ++k) {
        CHECK(near(grouped[k], counts.cells[k] - means[(k / 23 % 2) * 23 + k % 23]));
    }
}

TEST(variable_genes_by_pearson_residuals) {
    const table counts = make_counts(60, 30);
    const triple<> arrays(counts);
    scn::highly_variable_genes_options options;
    options.flavor = scn::flavor::pearson_residuals;
    options.n_top_genes = 7;
    const scn::variable_genes made = scn::highly_variable_genes(arrays.view(), options);
    double all = 0;
    for (double value : counts.cells) {
        all += value;
    }
    std::vector<double> expected(30);
    for (std::size_t j = 0; j < 30; ++j) {
        std::vector<double> residuals(60);
        for (std::size_t i = 0; i < 60; ++i) {
            const double mu = counts.row_sum(i) * 60 * mean(counts.column(j)) / all;
            residuals[i] = std::clamp((counts(i, j) - mu) / std::sqrt(mu + mu * mu / 100), -std::sqrt(60.0), std::sqrt(60.0));
        }
        expected[j] = variance(residuals, 0);
        CHECK(near(made.means[j], mean(counts.column(j))) && near(made.variances[j], variance(counts.column(j))));
        CHECK(std::isnan(made.dispersions[j]) && made.mean_bin[j] == -1);
    }
    CHECK(all_near(made.residual_variances, expected, 1e-10));
    std::vector<double> sorted = expected;
    std::sort(sorted.rbegin(), sorted.rend());
    for (std::size_t j = 0; j < 30; ++j) {
        CHECK((made.highly_variable[j] != 0) == (expected[j] >= sorted[6]));
        CHECK(std::isnan(made.highly_variable_rank[j]) != (made.highly_variable[j] != 0));
        CHECK(made.highly_variable_nbatches[j] == made.highly_variable[j]);
    }
}

TEST(variable_genes_by_dispersion) {
    const table logged = log_normalised(make_counts(80, 60), 100);
    const triple<> arrays(logged);
    for (const scn::flavor flavor : {scn::flavor::seurat, scn::flavor::cell_ranger}) {
        scn::highly_variable_genes_options options;
        options.flavor = flavor;
        options.n_top_genes = 9;
        options.n_bins = 5;
        const scn::variable_genes made = scn::highly_variable_genes(arrays.view(), options);
        CHECK(std::count(made.highly_variable.begin(), made.highly_variable.end(), 1) == 9);
        CHECK(made.bin_edges.size() == (flavor == scn::flavor::seurat ? 6U : 21U));
        CHECK(std::is_sorted(made.bin_edges.begin(), made.bin_edges.end()));
        std::vector<double> norm = made.dispersions_norm;
        std::sort(norm.rbegin(), norm.rend());
        for (std::size_t j = 0; j < 60; ++j) {
            std::vector<double> values = logged.column(j);
            if (flavor == scn::flavor::seurat) {
                std::transform(values.begin(), values.end(), values.begin(), [](double x) { return std::expm1(x); });
                CHECK(near(made.means[j], std::log1p(mean(values)), 1e-9));
                CHECK(near(made.dispersions[j], std::log(variance(values) / mean(values)), 1e-9));
            } else {
                CHECK(near(made.means[j], mean(values)) && near(made.dispersions[j], variance(values) / mean(values), 1e-9));
            }
            CHECK((made.highly_variable[j] != 0) == (made.dispersions_norm[j] >= norm[8]));
            if (made.mean_bin[j] > 0) {
                CHECK(made.bin_edges[static_cast<std::size_t>(made.mean_bin[j])] < made.means[j]);
            }
        }
    }
}

TEST(variable_genes_by_batch) {
    const auto drawn = scn::simulate_counts(300, 200);
    std::vector<std::int32_t> batches(300);
    for (std::size_t i = 0; i < 300; ++i) {
        batches[i] = i < 140;
    }
    scn::highly_variable_genes_options options;
    options.flavor = scn::flavor::seurat_v3;
    options.n_top_genes = 30;
    options.span = 0.5;
    const scn::variable_genes both = scn::highly_variable_genes(drawn.counts, options, batches);
    std::vector<std::int64_t> in_batches(200);
    for (std::int64_t batch = 0; batch < 2; ++batch) {
        std::vector<std::uint8_t> mask(300);
        std::transform(batches.begin(), batches.end(), mask.begin(), [&](std::int32_t b) { return b == batch; });
        const scn::sparse cells = scn::subset_masked(drawn.counts, mask, std::nullopt);
        const scn::variable_genes one = scn::highly_variable_genes(cells, options);
        for (std::size_t j = 0; j < 200; ++j) {
            in_batches[j] += one.highly_variable[j];
        }
    }
    CHECK(both.highly_variable_nbatches == in_batches);
    CHECK(std::count(both.highly_variable.begin(), both.highly_variable.end(), 1) == 30);
    for (std::size_t j = 0; j < 200; ++j) {
        CHECK((both.highly_variable_intersection[j] != 0) == (in_batches[j] == 2));
    }
    // an order of names that is the matrix' own changes nothing; one that is too short is an error
    scn::highly_variable_genes_options by_dispersion;
    by_dispersion.n_top_genes = 30;
    const auto logged = scn::normalize_log1p<double>(drawn.counts);
    const auto view = drawn.counts.view().with_values(logged.values);
    std::vector<std::int64_t> order(200);
    for (std::size_t j = 0; j < 200; ++j) {
        order[j] = static_cast<std::int64_t>(j);
    }
    CHECK(scn::highly_variable_genes(view, by_dispersion, batches, order).highly_variable ==
          scn::highly_variable_genes(view, by_dispersion, batches).highly_variable);
    order.pop_back();
    CHECK_ERROR(scn::highly_variable_genes(view, by_dispersion, batches, order), SCN_ERR_SHAPE, "name_order");
}

TEST(variable_genes_as_seurat_has_them) {
    const auto drawn = scn::simulate_counts(300, 200);
    scn::highly_variable_genes_options vst;
    vst.flavor = scn::flavor::vst;
    vst.n_top_genes = 30;
    const scn::variable_genes made = scn::highly_variable_genes(drawn.counts, vst);
    const scn::statistics moments = scn::stats(drawn.counts, scn::axis::obs, 1, {scn::stat::mean, scn::stat::var});
    CHECK(std::count(made.highly_variable.begin(), made.highly_variable.end(), 1) == 30);
    CHECK(all_near(made.variances, moments.var, 1e-10) && all_near(made.means, moments.mean));
    // the variance of standardised values, cut off at the square root of the number of cells, around 0
    const std::vector<double> cells = scn::to_dense<double>(drawn.counts);
    for (std::size_t j = 0; j < 200; ++j) {
        double sum = 0;
        for (std::size_t i = 0; i < 300; ++i) {
            const double z = (cells[i * 200 + j] - made.means[j]) / std::sqrt(made.variances_expected[j]);
            sum += std::min(z, std::sqrt(300.0)) * std::min(z, std::sqrt(300.0));
        }
        CHECK(made.variances_expected[j] == 0 || near(made.variances_norm[j], sum / 299, 1e-9));
    }
    vst.variances_expected = made.variances_expected.data();  // the curve's own values change nothing
    vst.variances_expected_len = 200;
    CHECK(scn::highly_variable_genes(drawn.counts, vst).highly_variable_rank[0] == made.highly_variable_rank[0] ||
          std::isnan(made.highly_variable_rank[0]));
    CHECK(scn::highly_variable_genes(drawn.counts, vst).highly_variable == made.highly_variable);

    const auto logged = scn::normalize_log1p<double>(drawn.counts);
    const auto view = drawn.counts.view().with_values(logged.values);
    scn::highly_variable_genes_options plot;
    plot.flavor = scn::flavor::mean_var_plot;
    plot.n_bins = 6;
    for (const scn::binning binning : {scn::binning::equal_width, scn::binning::equal_frequency}) {
        plot.binning = binning;
        const scn::variable_genes binned = scn::highly_variable_genes(view, plot);
        CHECK(binned.bin_edges.size() == (binning == scn::binning::equal_width ? 7U : 6U));
        CHECK(std::is_sorted(binned.bin_edges.begin(), binned.bin_edges.end()));
        for (std::size_t j = 0; j < 200; ++j) {
            const bool within = binned.means[j] > 0.0125 && binned.means[j] < 3 && binned.dispersions_norm[j] > 0.5;
            CHECK((binned.highly_variable[j] != 0) == within);
        }
    }
    plot.flavor = scn::flavor::dispersion;
    plot.n_top_genes = 11;
    const scn::variable_genes highest = scn::highly_variable_genes(view, plot);
    std::vector<double> dispersions = highest.dispersions;
    std::sort(dispersions.rbegin(), dispersions.rend());
    for (std::size_t j = 0; j < 200; ++j) {
        CHECK((highest.highly_variable[j] != 0) == (highest.dispersions[j] >= dispersions[10]));
    }
}
