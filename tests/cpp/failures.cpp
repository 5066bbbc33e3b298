// Errors are exceptions with the library's status and message.
#include <fstream>
#include <thread>

#include "check.hpp"

TEST(errors_carry_status_name_and_message) {
    const std::vector<int> indptr = {0, 1, 2}, indices = {0, 5};
    std::vector<double> values = {1, std::numeric_limits<double>::quiet_NaN()};
    const auto broken = scn::csr(2, 2, indptr, indices, values);
    try {
        scn::validate(broken);
        CHECK(false);
    } catch (const scn::error& error) {
        CHECK(error.status() == SCN_ERR_MATRIX && std::string(error.status_name()) == "SCN_ERR_MATRIX");
        CHECK(std::string(error.what()).find("matrix.indices[1]: is 5") == 0);
    }
    bool caught = false;
    try {
        scn::validate(broken);
    } catch (const std::runtime_error&) {
        caught = true;
    }
    CHECK(caught);
}

TEST(errors_of_every_kind) {
    const std::vector<int> indptr = {0, 1, 2}, indices = {0, 1};
    std::vector<double> values = {1, std::numeric_limits<double>::quiet_NaN()};
    std::vector<int> whole = {1, 2};
    const auto view = scn::csr(2, 2, indptr, indices, values);
    const scn::sparse none;
    CHECK_ERROR(none.view(), SCN_ERR_NULL, "is null");
    CHECK_ERROR(scn::log1p<double>(view, -2), SCN_ERR_INVALID_ARGUMENT, "base: is -2");
    ScnMatrix unknown = view.raw();
    unknown.struct_size = 3;
    CHECK_ERROR(scn::validate(scn::matrix_view(unknown)), SCN_ERR_STRUCT_SIZE, "struct_size");
    CHECK_ERROR(scn::log1p_inplace(scn::csr(2, 2, indptr, indices, whole)), SCN_ERR_TYPE, "");
    CHECK_ERROR(scn::adjust_p(std::vector<double>{0.5, 2}), SCN_ERR_VALUE, "pvals[1]: is 2");
    CHECK_ERROR(scn::student_p(std::vector<double>(2), std::vector<double>(3)), SCN_ERR_SHAPE, "df");
    CHECK_ERROR(scn::validate(view), SCN_ERR_VALUE, "the value of obs 1, var 1 is NaN");
    CHECK_ERROR(scn::read_mtx(scratch() + "/none.mtx"), SCN_ERR_NOT_FOUND, "none.mtx");
    CHECK_ERROR(scn::validate(
                    scn::sparse_view(scn::axis::var, 2, std::int64_t{1} << 62, 2, indptr.data(), indices.data(), values.data())),
                SCN_ERR_OVERFLOW, "matrix.indptr");
    std::ofstream(scratch() + "/malformed.mtx") << "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 x 1\n";
    CHECK_ERROR(scn::read_mtx(scratch() + "/malformed.mtx"), SCN_ERR_IO, "malformed.mtx");
    CHECK_ERROR(scn::write_mtx(scratch() + "/no/such/folder.mtx", view), SCN_ERR_NOT_FOUND, "folder");
    const std::vector<double> cells = {1, 2, 3, 4};
    CHECK_ERROR(scn::sum_duplicates(scn::dense(2, 2, cells)), SCN_ERR_UNSUPPORTED, "dense");
    scn::context elsewhere;
    elsewhere.device = 1;
    CHECK_ERROR(scn::stats(view, scn::axis::obs, 0, scn::stat::sum, elsewhere), SCN_ERR_UNSUPPORTED, "context.device: is 1");
    scn::context negative;
    negative.n_threads = -1;
    CHECK_ERROR(scn::stats(view, scn::axis::obs, 0, scn::stat::sum, negative), SCN_ERR_INVALID_ARGUMENT,
                "context.n_threads: is -1");
}

TEST(what_fails_changes_nothing) {
    std::vector<int> indptr = {0, 1, 2}, indices = {0, 9};
    std::vector<double> values = {1, 2};
    CHECK_ERROR(scn::log1p_inplace(scn::csr(2, 2, indptr, indices, values)), SCN_ERR_MATRIX, "indices[1]: is 9");
    CHECK((values == std::vector<double>{1, 2}));
}

TEST(errors_belong_to_their_threads) {
    std::string other;
    CHECK_ERROR(scn::adjust_p(std::vector<double>{2}), SCN_ERR_VALUE, "pvals[0]: is 2");
    std::thread([&] {
        try {
            static_cast<void>(scn::adjust_p(std::vector<double>{3}));
        } catch (const scn::error& error) {
            other = error.what();
        }
    }).join();
    CHECK(other.find("pvals[0]: is 3") == 0);
}

TEST(choices_outside_the_options_are_refused) {
    const triple<> counts(make_counts());
    const auto groups = make_labels(37);
    scn::rank_genes_groups_options unknown;
    unknown.method = 99;
    CHECK_ERROR(scn::rank_genes_groups(counts.view(), groups, unknown), SCN_ERR_INVALID_ARGUMENT, "method: is 99");
    scn::rank_genes_groups_options t_test;
    CHECK_ERROR(scn::rank_genes_groups(counts.view(), groups, t_test, scn::ranking::auroc), SCN_ERR_INVALID_ARGUMENT, "auroc");
    CHECK_ERROR(scn::filter_cells(counts.view(), {}), SCN_ERR_INVALID_ARGUMENT, "Only provide one");
    scn::cell_threshold both;
    both.min_counts = both.max_genes = 3;
    CHECK_ERROR(scn::filter_cells(counts.view(), both), SCN_ERR_INVALID_ARGUMENT, "Only provide one");
    CHECK_ERROR(scn::calculate_qc_metrics(counts.view(), {{24}, {}}), SCN_ERR_INVALID_ARGUMENT, "24 is not from 1 to 23");
    CHECK_ERROR(scn::calculate_qc_metrics(counts.view(), {{1}, {std::vector<std::uint8_t>(22)}}), SCN_ERR_SHAPE,
                "subsets: has length 22");
    const std::vector<std::int64_t> beyond = {23};
    CHECK_ERROR(scn::subset(counts.view(), std::nullopt, beyond), SCN_ERR_INVALID_ARGUMENT, "is 23");
    CHECK_ERROR(scn::concat({}), SCN_ERR_INVALID_ARGUMENT, "");
    CHECK_ERROR(scn::rank_order(std::vector<double>(6), 2, 3, 4), SCN_ERR_INVALID_ARGUMENT, "n_top: is 4");
    CHECK_ERROR(scn::rank_order(std::vector<double>(6), 2, 3, -1), SCN_ERR_INVALID_ARGUMENT, "n_top: is -1");
    CHECK_ERROR(scn::regress_out<double>(counts.view(), std::vector<double>(36)), SCN_ERR_SHAPE, "covariates");
    CHECK_ERROR(scn::simulate_counts(-1, 5), SCN_ERR_INVALID_ARGUMENT, "n_obs: is -1");
    CHECK_ERROR(scn::cell_cycle_phase(std::vector<double>(2), std::vector<double>(3)), SCN_ERR_SHAPE, "g2m_score: has length 3");
}
