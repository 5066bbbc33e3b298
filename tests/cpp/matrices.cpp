// Matrices as such, and their files, beside plain loops.
#include <fstream>

#include "check.hpp"

namespace {

// A table with its cells and genes taken by number.
table taken(const table& of, const std::vector<std::int64_t>& obs, const std::vector<std::int64_t>& vars) {
    table made{obs.size(), vars.size(), std::vector<double>(obs.size() * vars.size())};
    for (std::size_t i = 0; i < obs.size(); ++i) {
        for (std::size_t j = 0; j < vars.size(); ++j) {
            made(i, j) = of(static_cast<std::size_t>(obs[i]), static_cast<std::size_t>(vars[j]));
        }
    }
    return made;
}

std::vector<std::int64_t> numbers(std::size_t n) {
    std::vector<std::int64_t> all(n);
    for (std::size_t i = 0; i < n; ++i) {
        all[i] = static_cast<std::int64_t>(i);
    }
    return all;
}

// The middle value, or the mean of the two in the middle.
double middle(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return n == 0 ? NAN : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

// The values of gene j in the cells of a group.
std::vector<double> of_group(const table& counts, const std::vector<std::int32_t>& groups, std::int32_t group, std::size_t j) {
    std::vector<double> values;
    for (std::size_t i = 0; i < counts.n_obs; ++i) {
        if (groups[i] == group) {
            values.push_back(counts(i, j));
        }
    }
    return values;
}

double sum(const std::vector<double>& values) {
    double total = 0;
    for (double value : values) {
        total += value;
    }
    return total;
}

}  // namespace

TEST(other_major_axis) {
    const table counts = make_counts();
    const triple<> by_cell(counts), by_gene(counts, scn::axis::var);
    for (const scn::matrix_view& view : {by_cell.view(), by_gene.view(), view_of(counts)}) {
        const scn::sparse genes = scn::to_major(view, scn::axis::var), cells = scn::to_major(view);
        CHECK(genes.major() == scn::axis::var && cells.major() == scn::axis::obs);
        CHECK(all_near(genes.indptr(), by_gene.indptr, 0) && all_near(genes.indices(), by_gene.indices, 0));
        CHECK(all_near(genes.values<double>(), by_gene.values, 0) && all_near(cells.values<double>(), by_cell.values, 0));
    }
}

TEST(duplicates_are_summed) {
    const std::vector<int> indptr = {0, 3, 5}, indices = {2, 0, 2, 1, 1};
    const std::vector<double> values = {1, 2, 4, 8, 16};
    const scn::matrix_view view = scn::csr(2, 3, indptr, indices, values);
    const scn::sparse summed = scn::sum_duplicates(view);
    CHECK(!scn::is_canonical(view) && !scn::is_canonical(view.assume_canonical()) && scn::is_canonical(summed));
    CHECK_ERROR(scn::is_canonical(scn::csr(2, 2, indptr, indices, values)), SCN_ERR_MATRIX, "indices[0]: is 2");
    CHECK(all_near(summed.indptr(), std::vector<int>{0, 2, 3}) && all_near(summed.indices(), std::vector<int>{0, 2, 1}));
    CHECK(all_near(summed.values<double>(), std::vector<double>{2, 5, 24}));
}

TEST(cells_and_genes_are_taken) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    const std::vector<std::int64_t> obs = {5, 0, 36, 5}, vars = {22, 1, 1, 7, 0}, none;
    const scn::sparse some = scn::subset(arrays.view(), obs, vars);
    CHECK(scn::to_dense<double>(some) == taken(counts, obs, vars).cells);
    const scn::sparse some_cells = scn::subset(arrays.view(), obs, std::nullopt);
    CHECK(scn::to_dense<double>(some_cells) == taken(counts, obs, numbers(23)).cells);
    const scn::sparse some_genes = scn::subset(arrays.view(), std::nullopt, vars);
    CHECK(scn::to_dense<double>(some_genes) == taken(counts, numbers(37), vars).cells);
    const scn::sparse nobody = scn::subset(arrays.view(), none, vars);
    CHECK(nobody.n_obs() == 0 && nobody.n_vars() == 5 && nobody.nnz() == 0);

    std::vector<std::uint8_t> keep_obs(37), keep_vars(23);
    keep_obs[0] = keep_obs[4] = 1;
    keep_vars[22] = keep_vars[3] = 255;
    const scn::sparse masked = scn::subset_masked(arrays.view(), keep_obs, keep_vars);
    CHECK(scn::to_dense<double>(masked) == taken(counts, {0, 4}, {3, 22}).cells);
    const scn::sparse genes = scn::subset_masked(arrays.view(), std::nullopt, keep_vars);
    CHECK(scn::to_dense<double>(genes) == taken(counts, numbers(37), {3, 22}).cells);
    CHECK_ERROR(scn::subset_masked(arrays.view(), keep_vars, std::nullopt), SCN_ERR_SHAPE, "obs");
}

TEST(matrices_follow_each_other) {
    const table counts = make_counts(), more = make_counts(4, 23, 2), wider = make_counts(37, 3, 3);
    const triple<> a(counts);
    const triple<std::int64_t, std::int64_t, float> b(more, scn::axis::var);
    const scn::sparse cells = scn::concat({a.view(), b.view(), view_of(more)});
    std::vector<double> expected = counts.cells;
    for (int i = 0; i < 2; ++i) {
        expected.insert(expected.end(), more.cells.begin(), more.cells.end());
    }
    CHECK(cells.n_obs() == 45 && cells.dtype() == scn::dtype::f64 && scn::to_dense<double>(cells) == expected);
    const scn::sparse genes = scn::concat({a.view(), view_of(wider)}, scn::axis::var);
    CHECK(genes.n_vars() == 26);
    for (std::size_t i = 0; i < 37; ++i) {
        CHECK(scn::to_dense<double>(genes)[i * 26 + 25] == wider(i, 2) && scn::to_dense<double>(genes)[i * 26] == counts(i, 0));
    }
    CHECK_ERROR(scn::concat({a.view(), view_of(wider)}), SCN_ERR_SHAPE, "");
}

TEST(dense_tables_of_all_types) {
    const std::vector<double> cells = {-3.7, 300, NAN, 0, 1e10, 2.5};
    const auto view = scn::dense(2, 3, cells);
    const std::vector<double> by_gene = scn::to_dense<double>(view, scn::axis::var);
    CHECK(by_gene[0] == cells[0] && by_gene[1] == cells[3] && by_gene[2] == cells[1] && by_gene[5] == cells[5]);
    CHECK((scn::to_dense<std::int8_t>(view) == std::vector<std::int8_t>{-3, 127, 0, 0, 127, 2}));
    CHECK((scn::to_dense<std::uint8_t>(view) == std::vector<std::uint8_t>{0, 255, 0, 0, 255, 2}));
    CHECK((scn::to_dense<std::int64_t>(view) == std::vector<std::int64_t>{-3, 300, 0, 0, 10000000000, 2}));
    CHECK(scn::to_dense<float>(view)[0] == -3.7F);
}

TEST(statistics_of_genes_and_cells) {
    table counts = make_counts();
    counts(3, 4) = -2.5;
    const triple<> by_cell(counts), by_gene(counts, scn::axis::var);
    for (const scn::matrix_view& view : {by_cell.view(), by_gene.view(), view_of(counts)}) {
        const scn::statistics genes = scn::stats(view, scn::axis::obs, 1);
        for (std::size_t j = 0; j < counts.n_vars; ++j) {
            const std::vector<double> values = counts.column(j);
            CHECK(genes.sum[j] == sum(values) && near(genes.mean[j], mean(values)) && near(genes.var[j], variance(values)));
            CHECK(genes.count_nonzero[j] == std::count_if(values.begin(), values.end(), [](double x) { return x != 0; }));
            CHECK(genes.min[j] == *std::min_element(values.begin(), values.end()));
            CHECK(genes.max[j] == *std::max_element(values.begin(), values.end()));
        }
        const scn::statistics cells = scn::stats(view, scn::axis::var);
        const std::vector<double> first(counts.cells.begin(), counts.cells.begin() + 23);
        CHECK(cells.sum.size() == 37 && near(cells.var[0], variance(first, 0)));
        CHECK(scn::stats(view.transposed(), scn::axis::var, 1).var == genes.var);
    }
    const scn::statistics some = scn::stats(by_cell.view(), scn::axis::obs, 0, {scn::stat::mean, scn::stat::max});
    CHECK(some.mean.size() == 23 && some.max.size() == 23);
    CHECK(some.sum.empty() && some.var.empty() && some.count_nonzero.empty() && some.min.empty());
}

TEST(statistics_of_groups) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    const std::vector<std::int32_t> groups = make_labels(37);
    const scn::statistics made = scn::aggregate(arrays.view(), groups);
    const std::vector<double> medians = scn::median(arrays.view(), groups);
    CHECK(made.sum.size() == 3 * 23 && medians.size() == 3 * 23);
    for (std::int32_t group = 0; group < 3; ++group) {
        for (std::size_t j = 0; j < 23; ++j) {
            const std::vector<double> values = of_group(counts, groups, group, j);
            const std::size_t at = static_cast<std::size_t>(group) * 23 + j;
            CHECK(made.sum[at] == sum(values) && near(made.mean[at], mean(values)) && near(made.var[at], variance(values)));
            CHECK(made.max[at] == *std::max_element(values.begin(), values.end()) && medians[at] == middle(values));
        }
    }
    const scn::statistics fourth = scn::aggregate(arrays.view(), scn::labels(groups, 4));
    CHECK(fourth.sum.size() == 4 * 23 && fourth.sum.back() == 0 && fourth.count_nonzero.back() == 0 &&
          std::isnan(fourth.mean.back()));

    const std::vector<double> genes = scn::median(arrays.view()), cells = scn::median(arrays.view(), scn::axis::var);
    CHECK(genes.size() == 23 && genes[3] == middle(counts.column(3)));
    CHECK(cells.size() == 37 && cells[0] == middle({counts.cells.begin(), counts.cells.begin() + 23}));
    const std::vector<std::int32_t> gene_groups = make_labels(23, 2);
    const scn::statistics of_genes = scn::aggregate(arrays.view(), gene_groups, scn::axis::var, 0, scn::stat::sum);
    double expected = 0;
    for (std::size_t j = 0; j < 23; ++j) {
        expected += gene_groups[j] == 1 ? counts(5, j) : 0;
    }
    CHECK(of_genes.sum.size() == 2 * 37 && of_genes.sum[37 + 5] == expected && of_genes.mean.empty());
}

TEST(matrix_market_files) {
    const table counts = make_counts();
    const triple<> arrays(counts);
    for (const std::string& path : {scratch() + "/counts.mtx", scratch() + "/counts.mtx.gz"}) {
        scn::write_mtx(path, arrays.view(), scn::axis::var);
        const scn::sparse back = scn::read_mtx(path, scn::axis::var);
        CHECK(back.dtype() == scn::dtype::f64 && scn::to_dense<double>(back) == counts.cells);
        CHECK(scn::read_mtx(path).n_obs() == 23);  // rows are genes
        CHECK(scn::read_mtx(path, scn::axis::var, scn::dtype::u8).dtype() == scn::dtype::u8);
    }
    std::string first;
    std::getline(std::ifstream(scratch() + "/counts.mtx") >> std::ws, first);
    CHECK(first == "%%MatrixMarket matrix coordinate real general");
    const triple<std::int32_t, std::int32_t, std::int32_t> whole(counts);
    scn::write_mtx(scratch() + "/whole.mtx", whole.view());
    const scn::sparse back = scn::read_mtx(scratch() + "/whole.mtx");
    CHECK(back.dtype() == scn::dtype::i64 && scn::to_dense<double>(back) == counts.cells);
}

TEST(folders_of_cell_ranger) {
    const table counts = make_counts(3, 4);
    const std::string folder = scratch();
    scn::write_mtx(folder + "/x_matrix.mtx.gz", view_of(counts), scn::axis::var);
    std::ofstream(folder + "/x_barcodes.tsv") << "AAA-1\nBBB-1\nCCC-1\n";
    std::ofstream(folder + "/x_features.tsv")
        << "E1\tOne\tGene Expression\nE2\tZw\xC3\xB6lf\tGene Expression\nE3\tOne\tPeaks\nE4\tX\tPeaks\n";
    const scn::folder_10x read = scn::read_10x_mtx(folder, "x_");
    CHECK(read && read.matrix().dtype() == scn::dtype::f32 && read.matrix().major() == scn::axis::obs);
    CHECK(scn::to_dense<double>(read.matrix()) == counts.cells);
    CHECK((read.barcodes() == std::vector<std::string>{"AAA-1", "BBB-1", "CCC-1"}));
    CHECK((read.gene_ids() == std::vector<std::string>{"E1", "E2", "E3", "E4"}));
    CHECK((read.gene_names() == std::vector<std::string>{"One", "Zw\xC3\xB6lf", "One", "X"}));
    CHECK((read.feature_types() == std::vector<std::string>{"Gene Expression", "Gene Expression", "Peaks", "Peaks"}));
    CHECK(scn::read_10x_mtx(folder, "x_", std::nullopt).get() != nullptr);
    CHECK_ERROR(scn::read_10x_mtx(folder, "y_"), SCN_ERR_NOT_FOUND, "y_");
    std::ofstream(folder + "/x_barcodes.tsv") << "AAA-1\n";
    CHECK_ERROR(scn::read_10x_mtx(folder, "x_"), SCN_ERR_MATRIX, "barcodes");
}
