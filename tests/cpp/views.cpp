// Views of everything that can be one, and the handles that own matrices.
#include <array>
#include <memory>

#include "check.hpp"

static_assert(!std::is_copy_constructible_v<scn::sparse> && std::is_nothrow_move_constructible_v<scn::sparse>);
static_assert(!std::is_copy_assignable_v<scn::folder_10x> && std::is_nothrow_move_assignable_v<scn::folder_10x>);
static_assert(!std::is_copy_constructible_v<scn::cancel_token> && std::is_nothrow_move_constructible_v<scn::cancel_token>);
static_assert(std::is_convertible_v<const scn::sparse&, scn::matrix_view>);
static_assert(!std::is_convertible_v<scn::sparse, scn::matrix_view>, "a view of a temporary would dangle");
static_assert(std::is_convertible_v<scn::mutable_matrix_view, scn::matrix_view>);
static_assert(!std::is_convertible_v<scn::matrix_view, scn::mutable_matrix_view>);
static_assert(!std::is_convertible_v<std::vector<double>, scn::matrix_view>);
static_assert(!std::is_convertible_v<scn::span<const double>, scn::span<double>>);

namespace {

template <class V, class P, class I>
void sums_are_right(const table& counts) {
    std::vector<double> expected(counts.n_obs);
    for (std::size_t i = 0; i < counts.n_obs; ++i) {
        expected[i] = counts.row_sum(i);
    }
    for (const scn::axis major : {scn::axis::obs, scn::axis::var}) {
        for (const int base : {0, 1}) {
            const triple<P, I, V> arrays(counts, major, base);
            const scn::matrix_view view = arrays.view(base);
            scn::validate(view);
            CHECK(scn::is_canonical(view));
            CHECK(view.major() == major && view.is_sparse() && view.nnz() == static_cast<std::int64_t>(arrays.values.size()));
            CHECK(scn::stats(view, scn::axis::var).sum == expected);
            CHECK(scn::stats(view.assume_canonical(), scn::axis::var).sum == expected);
            CHECK(scn::stats(view.transposed(), scn::axis::obs).sum == expected);
        }
    }
    const std::vector<V> cells(counts.cells.begin(), counts.cells.end());
    const auto view = scn::dense(static_cast<std::int64_t>(counts.n_obs), static_cast<std::int64_t>(counts.n_vars), cells);
    CHECK(!view.is_sparse() && view.nnz() == static_cast<std::int64_t>(cells.size()));
    CHECK(scn::stats(view, scn::axis::var).sum == expected);
    CHECK(scn::stats(view.transposed()).sum == expected);
}

template <class V>
void sums_are_right_for_all_indices(const table& counts) {
    sums_are_right<V, std::int32_t, std::int32_t>(counts);
    sums_are_right<V, std::int64_t, std::int32_t>(counts);
    sums_are_right<V, std::int32_t, std::int64_t>(counts);
    sums_are_right<V, std::int64_t, std::int64_t>(counts);
}

}  // namespace

TEST(views_of_all_types) {
    const table counts = make_counts();
    sums_are_right_for_all_indices<float>(counts);
    sums_are_right_for_all_indices<double>(counts);
    sums_are_right_for_all_indices<std::int8_t>(counts);
    sums_are_right_for_all_indices<std::uint8_t>(counts);
    sums_are_right_for_all_indices<std::int16_t>(counts);
    sums_are_right_for_all_indices<std::uint16_t>(counts);
    sums_are_right_for_all_indices<std::int32_t>(counts);
    sums_are_right_for_all_indices<std::uint32_t>(counts);
    sums_are_right_for_all_indices<std::int64_t>(counts);
    sums_are_right_for_all_indices<std::uint64_t>(counts);
    sums_are_right<long long, int, long long>(counts);  // other names of the same types
    sums_are_right<unsigned long, long, int>(counts);
}

TEST(views_of_dense_lines_with_gaps) {
    const table counts = make_counts(5, 4);
    std::vector<float> wide(5 * 7, 99.0F), tall(4 * 6, 99.0F);
    for (std::size_t i = 0; i < 5; ++i) {
        for (std::size_t j = 0; j < 4; ++j) {
            wide[i * 7 + j] = tall[j * 6 + i] = static_cast<float>(counts(i, j));
        }
    }
    const auto by_cell = scn::dense_view(5, 4, std::as_const(wide).data(), scn::axis::obs, 7);
    const auto by_gene = scn::dense_view(5, 4, std::as_const(tall).data(), scn::axis::var, 6);
    CHECK(scn::to_dense<double>(by_cell) == counts.cells);
    CHECK(scn::to_dense<double>(by_gene) == counts.cells);
    static_assert(std::is_same_v<decltype(by_cell), const scn::matrix_view>);
    const std::vector<double> without_gaps = scn::log1p<double>(by_cell), by_lines = scn::log1p<double>(by_gene);
    CHECK(scn::to_dense<double>(by_cell.with_values(without_gaps)) == without_gaps);
    CHECK(scn::to_dense<double>(by_gene.with_values(by_lines)) == without_gaps);
    auto changeable = scn::dense_view(5, 4, wide.data(), scn::axis::obs, 7);
    static_assert(std::is_same_v<decltype(changeable), scn::mutable_matrix_view>);
    scn::log1p_inplace(changeable);
    CHECK(wide[4] == 99.0F && wide[0] == static_cast<float>(std::log1p(counts(0, 0))));
    scn::log1p_inplace(changeable.transposed());
    CHECK(near(wide[0], std::log1p(std::log1p(counts(0, 0))), 1e-6));
}

TEST(views_of_arrays_and_pointers) {
    const int indptr[] = {0, 1, 3};
    const std::array<long, 3> indices = {1, 0, 1};
    const auto values = std::make_unique<float[]>(3);
    values[0] = 5, values[1] = 6, values[2] = 7;
    const std::vector<double> expected = {0, 5, 6, 7};
    CHECK(scn::to_dense<double>(scn::csr(2, 2, indptr, indices, scn::span<float>(values.get(), 3))) == expected);
    CHECK(scn::to_dense<double>(scn::sparse_view(scn::axis::obs, 2, 2, 3, indptr, indices.data(), values.get())) == expected);
    CHECK(scn::to_dense<double>(scn::csc(2, 2, indptr, indices, scn::span<float>(values.get(), 3)), scn::axis::var) == expected);
    const std::vector<std::uint8_t> other = {1, 2, 3};
    CHECK((scn::to_dense<int>(scn::csr(2, 2, indptr, indices, scn::span<float>(values.get(), 3)).with_values(other)) ==
           std::vector<int>{0, 1, 2, 3}));
}

TEST(views_of_nothing) {
    const std::vector<std::int64_t> indptr = {0, 0, 0};
    const std::vector<std::int32_t> indices;
    const std::vector<float> values;
    const auto empty = scn::csr(2, 3, indptr, indices, values);
    CHECK((scn::to_dense<double>(empty) == std::vector<double>(6)));
    CHECK(scn::log1p<float>(empty).empty());
    CHECK((scn::stats(empty).max == std::vector<double>(3)));
    const std::vector<double> none;
    CHECK(scn::stats(scn::dense(0, 3, none)).sum == std::vector<double>(3));
    CHECK(scn::stats(scn::dense(0, 3, none), scn::axis::var).sum.empty());
    CHECK(scn::to_dense<float>(scn::dense(4, 0, none)).empty());
}

TEST(views_want_lengths_that_fit) {
    const std::vector<int> indptr = {0, 1, 2}, indices = {0, 1};
    const std::vector<double> values = {1, 2};
    CHECK_ERROR(scn::csr(3, 2, indptr, indices, values), SCN_ERR_SHAPE, "indptr: has length 3, must have 4");
    CHECK_ERROR(scn::csc(2, 3, indptr, indices, values), SCN_ERR_SHAPE, "indptr: has length 3, must have 4");
    CHECK_ERROR(scn::csr(2, 2, indptr, indptr, values), SCN_ERR_SHAPE, "indices: has length 3, must have 2");
    CHECK_ERROR(scn::dense(2, 2, values), SCN_ERR_SHAPE, "values: has length 2, must have 4");
    CHECK_ERROR(scn::dense(-1, -2, values), SCN_ERR_SHAPE, "values: has length 2");
    const auto good = scn::csr(2, 2, indptr, indices, values);
    CHECK_ERROR(good.with_values(indptr), SCN_ERR_SHAPE, "values: has length 3, must have 2");
}

TEST(handles_can_be_moved) {
    const triple<> counts(make_counts());
    scn::sparse first = scn::to_major(counts.view(), scn::axis::var);
    CHECK(first && first.major() == scn::axis::var && first.n_obs() == 37 && first.n_vars() == 23);
    const ScnSparse* const owned = first.get();
    scn::sparse second = std::move(first);
    CHECK(!first && second.get() == owned);
    CHECK_ERROR(first.view(), SCN_ERR_NULL, "sparse");
    CHECK_ERROR(scn::validate(first), SCN_ERR_NULL, "sparse");
    CHECK(scn::to_dense<double>(second) == make_counts().cells);
    first = std::move(second);
    CHECK(first && !second);
    ScnSparse* const released = first.release();
    CHECK(!first && released == owned);
    first = scn::sparse(released);
    first = scn::sum_duplicates(first);  // frees the old one
    CHECK(first.nnz() == counts.view().nnz());

    scn::cancel_token token;
    scn::cancel_token moved = std::move(token);
    moved.set();
    moved.reset();
    CHECK_ERROR(token.set(), SCN_ERR_NULL, "token");
    scn::folder_10x none, other = std::move(none);
    CHECK(!other);
    CHECK_ERROR(other.matrix(), SCN_ERR_NULL, "");
    CHECK_ERROR(other.barcodes(), SCN_ERR_NULL, "");
}

TEST(arrays_of_results_have_their_types) {
    const triple<std::int32_t, std::int64_t, std::uint16_t> counts(make_counts());
    const scn::sparse same = scn::sum_duplicates(counts.view());
    CHECK(same.dtype() == scn::dtype::u16 && same.index_dtype() == scn::dtype::i64);
    CHECK(all_near(same.indptr(), counts.indptr) && all_near(same.indices<std::int64_t>(), counts.indices));
    CHECK(all_near(same.values<std::uint16_t>(), counts.values));
    CHECK_ERROR(same.values<float>(), SCN_ERR_TYPE, "values");
    CHECK_ERROR(same.indices<std::int32_t>(), SCN_ERR_TYPE, "indices");
    const scn::sparse other = scn::to_major(counts.view(), scn::axis::var);
    CHECK(other.index_dtype() == scn::dtype::i32 && other.indptr().size() == 24);
    CHECK(all_near(other.indices(), triple<>(make_counts(), scn::axis::var).indices));
}

TEST(labels_count_their_groups) {
    const std::vector<std::int32_t> some = {2, -1, 0}, none;
    CHECK(scn::labels(some).n_groups() == 3 && scn::labels(some, 5).n_groups() == 5 && scn::labels(some).size() == 3);
    CHECK(!scn::labels() && scn::labels(none) && scn::labels(none).n_groups() == 0);
    const table three = make_counts(3, 4);
    CHECK(scn::aggregate(view_of(three), scn::labels(some, 5)).sum.size() == 20);
    CHECK_ERROR(scn::aggregate(view_of(three), scn::labels(some, 2)), SCN_ERR_INVALID_ARGUMENT, "groups[0]: is 2");
    CHECK_ERROR(scn::aggregate(view_of(three), none), SCN_ERR_SHAPE, "groups");
    CHECK_ERROR(scn::aggregate(view_of(three), {}), SCN_ERR_SHAPE, "groups");
}
