// Eigen's matrices as views and as results, beside Eigen's own products.
#include <Eigen/Dense>
#include <Eigen/SparseCore>

#include "check.hpp"

namespace {

template <class M>
M sparse_of(const table& of) {
    M made(static_cast<Eigen::Index>(of.n_obs), static_cast<Eigen::Index>(of.n_vars));
    std::vector<Eigen::Triplet<typename M::Scalar, typename M::StorageIndex>> entries;
    for (std::size_t i = 0; i < of.n_obs; ++i) {
        for (std::size_t j = 0; j < of.n_vars; ++j) {
            if (of(i, j) != 0) {
                entries.emplace_back(static_cast<typename M::StorageIndex>(i), static_cast<typename M::StorageIndex>(j),
                                     static_cast<typename M::Scalar>(of(i, j)));
            }
        }
    }
    made.setFromTriplets(entries.begin(), entries.end());
    return made;
}

Eigen::MatrixXd dense_of(const table& of) {
    return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
        of.cells.data(), static_cast<Eigen::Index>(of.n_obs), static_cast<Eigen::Index>(of.n_vars));
}

template <class M>
void sums_are_eigens() {
    const table counts = make_counts();
    const M matrix = sparse_of<M>(counts);
    const scn::matrix_view view = matrix;
    CHECK(view.major() == (M::IsRowMajor ? scn::axis::obs : scn::axis::var) && view.nnz() == matrix.nonZeros());
    const Eigen::VectorXd of_cells = matrix.template cast<double>() * Eigen::VectorXd::Ones(matrix.cols());
    CHECK(all_near(scn::stats(matrix, scn::axis::var).sum, of_cells, 0));
    CHECK(all_near(scn::stats(view.transposed()).sum, of_cells, 0));
    const M back = scn::to_eigen<M>(view);
    CHECK(back.isCompressed() && (back - matrix).norm() == 0 && back.nonZeros() == matrix.nonZeros());
    using other = Eigen::SparseMatrix<double, M::IsRowMajor ? Eigen::ColMajor : Eigen::RowMajor, long long>;
    const other turned = scn::to_eigen<other>(matrix);
    CHECK((turned.toDense() - matrix.template cast<double>().toDense()).norm() == 0);
}

}  // namespace

TEST(eigen_sparse_matrices) {
    sums_are_eigens<Eigen::SparseMatrix<double>>();
    sums_are_eigens<Eigen::SparseMatrix<float, Eigen::RowMajor>>();
    sums_are_eigens<Eigen::SparseMatrix<int, Eigen::ColMajor, long>>();
    sums_are_eigens<Eigen::SparseMatrix<double, Eigen::RowMajor, std::int64_t>>();
}

TEST(eigen_maps_and_references) {
    const table counts = make_counts();
    auto matrix = sparse_of<Eigen::SparseMatrix<double, Eigen::RowMajor>>(counts);
    const Eigen::Ref<const Eigen::SparseMatrix<double, Eigen::RowMajor>> reference(matrix);
    CHECK(scn::to_dense<double>(reference) == counts.cells);
    Eigen::Map<Eigen::SparseMatrix<double, Eigen::RowMajor>> map(
        matrix.rows(), matrix.cols(), matrix.nonZeros(), matrix.outerIndexPtr(), matrix.innerIndexPtr(), matrix.valuePtr());
    static_assert(std::is_convertible_v<decltype(map)&, scn::mutable_matrix_view>);
    static_assert(!std::is_convertible_v<const decltype(map)&, scn::mutable_matrix_view>);
    const double before = matrix.coeff(0, 0);
    scn::log1p_inplace(map);
    CHECK(near(matrix.coeff(0, 0), std::log1p(before)));
    const Eigen::Map<const Eigen::SparseMatrix<double, Eigen::RowMajor>> constant(
        matrix.rows(), matrix.cols(), matrix.nonZeros(), matrix.outerIndexPtr(), matrix.innerIndexPtr(), matrix.valuePtr());
    static_assert(!std::is_convertible_v<decltype(constant)&, scn::mutable_matrix_view>);
    CHECK(scn::stats(constant).sum == scn::stats(matrix).sum);
}

TEST(eigen_genes_by_cells_are_transposed) {
    const table counts = make_counts();
    const Eigen::SparseMatrix<double> genes_by_cells = sparse_of<Eigen::SparseMatrix<double>>(counts).transpose();
    const scn::matrix_view cells = scn::matrix_view(genes_by_cells).transposed();
    CHECK(cells.n_obs() == 37 && cells.major() == scn::axis::obs && scn::to_dense<double>(cells) == counts.cells);
}

TEST(eigen_matrices_that_are_not_compressed_are_refused) {
    Eigen::SparseMatrix<double> loose(3, 3);
    loose.insert(1, 1) = 2;
    CHECK(!loose.isCompressed());
    CHECK_ERROR(scn::validate(loose), SCN_ERR_INVALID_ARGUMENT, "makeCompressed");
    loose.makeCompressed();
    scn::validate(loose);
}

TEST(eigen_dense_matrices) {
    const table counts = make_counts();
    Eigen::MatrixXd matrix = dense_of(counts);
    const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_cell = matrix.cast<float>();
    CHECK(scn::to_dense<double>(matrix) == counts.cells && scn::matrix_view(matrix).major() == scn::axis::var);
    CHECK(scn::to_dense<double>(by_cell) == counts.cells && scn::matrix_view(by_cell).dtype() == scn::dtype::f32);
    const Eigen::VectorXd genes = matrix.colwise().mean();
    CHECK(all_near(scn::stats(matrix).mean, genes, 1e-14));
    CHECK(all_near(scn::stats(by_cell.array().eval()).mean, genes, 1e-14));

    // blocks are views with gaps between their lines
    const auto block = matrix.block(2, 3, 20, 10);
    const Eigen::VectorXd some = block.colwise().sum();
    CHECK(all_near(scn::stats(block).sum, some, 0));
    CHECK(all_near(scn::stats(Eigen::Ref<const Eigen::MatrixXd>(block)).sum, some, 0));
    CHECK(all_near(scn::stats(matrix.row(4), scn::axis::var).sum, std::vector<double>{counts.row_sum(4)}, 0));
    const Eigen::Map<const Eigen::MatrixXd, 0, Eigen::Stride<Eigen::Dynamic, 2>> every_other(
        matrix.data(), 18, 23, Eigen::Stride<Eigen::Dynamic, 2>(37, 2));
    CHECK_ERROR(scn::stats(every_other), SCN_ERR_INVALID_ARGUMENT, ".eval()");
    CHECK(all_near(scn::stats(every_other.eval()).sum, Eigen::VectorXd(every_other.colwise().sum()), 0));

    const Eigen::MatrixXd centred = matrix.rowwise() - matrix.colwise().mean();
    const Eigen::RowVectorXd spread = (centred.colwise().squaredNorm() / 36).cwiseSqrt();
    const scn::moments by = scn::scale_inplace(matrix);
    CHECK(all_near(by.stds, spread));
    CHECK((matrix - (centred.array().rowwise() / spread.array()).matrix()).norm() < 1e-12);
}

TEST(eigen_vectors_are_arrays) {
    const table counts = make_counts();
    const Eigen::SparseMatrix<double> matrix = sparse_of<Eigen::SparseMatrix<double>>(counts);
    Eigen::MatrixXd covariates(37, 2);
    for (Eigen::Index i = 0; i < 37; ++i) {
        covariates(i, 0) = static_cast<double>(i % 5);
        covariates(i, 1) = std::sin(static_cast<double>(i));
    }
    // the residuals are X - B (B'B)^-1 B'X, with a constant among the columns of B
    Eigen::MatrixXd design(37, 3);
    design << Eigen::VectorXd::Ones(37), covariates;
    const Eigen::MatrixXd dense = matrix;
    const Eigen::MatrixXd expected = dense - design * design.colPivHouseholderQr().solve(dense);
    const std::vector<double> residuals = scn::regress_out<double>(matrix, covariates, 2);
    const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> made(residuals.data(), 37, 23);
    CHECK((made - expected).norm() < 1e-11);

    CHECK_ERROR(scn::normal_p(covariates.row(0)), SCN_ERR_INVALID_ARGUMENT, "gaps");  // of a matrix by columns: not side by side
    CHECK(scn::normal_p(covariates.col(0)).size() == 37);
}

TEST(eigen_gets_values_of_its_type) {
    const std::vector<double> cells = {-3.5, 0, 300, 7};
    const auto bytes = scn::to_eigen<Eigen::SparseMatrix<signed char>>(scn::dense(2, 2, cells));
    CHECK(bytes.coeff(0, 0) == -3 && bytes.coeff(1, 0) == 127 && bytes.coeff(1, 1) == 7 && bytes.nonZeros() == 3);
    const std::vector<std::int32_t> none;
    const std::vector<std::int64_t> indptr(1);
    const auto huge = scn::sparse_view(scn::axis::obs, 0, 40000, 0, indptr.data(), none.data(), cells.data());
    CHECK_ERROR((scn::to_eigen<Eigen::SparseMatrix<double, Eigen::RowMajor, short>>(huge)), SCN_ERR_OVERFLOW, "40000");
    CHECK((scn::to_eigen<Eigen::SparseMatrix<double, Eigen::RowMajor, int>>(huge).cols() == 40000));
}
