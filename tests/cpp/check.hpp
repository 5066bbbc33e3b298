// What the tests of scnative.hpp share: checks, a list of tests, and matrices to compute on.
#ifndef SCNATIVE_TESTS_CHECK_HPP
#define SCNATIVE_TESTS_CHECK_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "scnative.hpp"

struct failure : std::logic_error {
    using std::logic_error::logic_error;
};

#define CHECK(condition)                                                                                         \
    do {                                                                                                         \
        if (!(condition)) {                                                                                      \
            throw failure(std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": " #condition " is false"); \
        }                                                                                                        \
    } while (0)

// That an expression throws scn::error with this status, and that the message has this text in it.
#define CHECK_ERROR(expression, expected, text)                                                                   \
    do {                                                                                                          \
        std::string said = "nothing was thrown";                                                                  \
        ScnStatus status = SCN_OK;                                                                                \
        try {                                                                                                     \
            static_cast<void>(expression);                                                                        \
        } catch (const scn::error& error) {                                                                       \
            status = error.status();                                                                              \
            said = std::string(error.status_name()) + ": " + error.what();                                        \
        }                                                                                                         \
        if (status != (expected) || said.find(text) == std::string::npos) {                                       \
            throw failure(std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": " #expression ": " + said); \
        }                                                                                                         \
    } while (0)

// That an expression throws this.
#define CHECK_THROWS(expression, type)     \
    do {                                   \
        bool thrown = false;               \
        try {                              \
            static_cast<void>(expression); \
        } catch (const type&) {            \
            thrown = true;                 \
        }                                  \
        CHECK(thrown);                     \
    } while (0)

// All tests by name, in the order in which they are linked.
inline std::vector<std::pair<std::string, std::function<void()>>>& tests() {
    static std::vector<std::pair<std::string, std::function<void()>>> all;
    return all;
}

// An empty folder to write to.
inline std::string& scratch() {
    static std::string folder;
    return folder;
}

#define TEST(name)                                                                  \
    static void name();                                                             \
    static const bool name##_is_listed = (tests().emplace_back(#name, name), true); \
    static void name()

inline bool near(double a, double b, double relative = 1e-12) {
    if (std::isnan(a) || std::isnan(b)) {
        return std::isnan(a) && std::isnan(b);
    }
    return a == b || std::abs(a - b) <= relative * std::max({1.0, std::abs(a), std::abs(b)});
}

template <class A, class B>
bool all_near(const A& a, const B& b, double relative = 1e-12) {
    return std::equal(std::begin(a), std::end(a), std::begin(b), std::end(b),
                      [&](auto x, auto y) { return near(static_cast<double>(x), static_cast<double>(y), relative); });
}

// Random numbers, the same on every machine.
class random_numbers {
  public:
    explicit random_numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}

    // From 0 to below 1.
    double uniform() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<double>(state_ >> 11) / 9007199254740992.0;
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(uniform() * static_cast<double>(n)); }

  private:
    std::uint64_t state_;
};

// The plain table that matrices are held against: cells x genes, cell after cell.
struct table {
    std::size_t n_obs, n_vars;
    std::vector<double> cells;

    double operator()(std::size_t i, std::size_t j) const { return cells[i * n_vars + j]; }
    double& operator()(std::size_t i, std::size_t j) { return cells[i * n_vars + j]; }

    double row_sum(std::size_t i) const {
        double sum = 0;
        for (std::size_t j = 0; j < n_vars; ++j) {
            sum += (*this)(i, j);
        }
        return sum;
    }
    std::vector<double> column(std::size_t j) const {
        std::vector<double> values(n_obs);
        for (std::size_t i = 0; i < n_obs; ++i) {
            values[i] = (*this)(i, j);
        }
        return values;
    }
};

inline double mean(const std::vector<double>& values) {
    double sum = 0;
    for (double value : values) {
        sum += value;
    }
    return sum / static_cast<double>(values.size());
}

inline double variance(const std::vector<double>& values, double ddof = 1) {
    const double center = mean(values);
    double sum = 0;
    for (double value : values) {
        sum += (value - center) * (value - center);
    }
    return sum / (static_cast<double>(values.size()) - ddof);
}

// Counts from 0 to 9, about 60 % of them 0; no cell and no gene is empty.
inline table make_counts(std::size_t n_obs = 37, std::size_t n_vars = 23, std::uint64_t seed = 1) {
    random_numbers draw(seed);
    table made{n_obs, n_vars, std::vector<double>(n_obs * n_vars)};
    for (double& value : made.cells) {
        value = draw.uniform() < 0.6 ? 0 : static_cast<double>(1 + draw.below(9));
    }
    for (std::size_t i = 0; i < std::max(n_obs, n_vars); ++i) {
        made(i % n_obs, i % n_vars) = static_cast<double>(1 + i % 3);
    }
    return made;
}

// The non-zeros of a table, compressed along cells or genes.
template <class P = std::int32_t, class I = std::int32_t, class V = double>
struct triple {
    scn::axis major;
    std::int64_t n_obs, n_vars;
    std::vector<P> indptr;
    std::vector<I> indices;
    std::vector<V> values;

    explicit triple(const table& of, scn::axis along = scn::axis::obs, int base = 0)
        : major(along), n_obs(static_cast<std::int64_t>(of.n_obs)), n_vars(static_cast<std::int64_t>(of.n_vars)) {
        const bool by_cell = along == scn::axis::obs;
        indptr.push_back(static_cast<P>(base));
        for (std::size_t line = 0; line < (by_cell ? of.n_obs : of.n_vars); ++line) {
            for (std::size_t place = 0; place < (by_cell ? of.n_vars : of.n_obs); ++place) {
                const double value = by_cell ? of(line, place) : of(place, line);
                if (value != 0) {
                    indices.push_back(static_cast<I>(static_cast<int>(place) + base));
                    values.push_back(static_cast<V>(value));
                }
            }
            indptr.push_back(static_cast<P>(static_cast<int>(values.size()) + base));
        }
    }

    scn::matrix_view view(int base = 0) const {
        return major == scn::axis::obs ? scn::csr(n_obs, n_vars, indptr, indices, values, base)
                                       : scn::csc(n_obs, n_vars, indptr, indices, values, base);
    }
    scn::mutable_matrix_view view_to_change() {
        return major == scn::axis::obs ? scn::csr(n_obs, n_vars, indptr, indices, values)
                                       : scn::csc(n_obs, n_vars, indptr, indices, values);
    }
};

inline scn::matrix_view view_of(const table& of) {
    return scn::dense(static_cast<std::int64_t>(of.n_obs), static_cast<std::int64_t>(of.n_vars), of.cells);
}

// Labels 0, 1, 2, 0, 1, 2, ... and -1 for every seventh.
inline std::vector<std::int32_t> make_labels(std::size_t n, std::int32_t n_groups = 3) {
    std::vector<std::int32_t> labels(n);
    for (std::size_t i = 0; i < n; ++i) {
        labels[i] = i % 7 == 6 ? -1 : static_cast<std::int32_t>(i % static_cast<std::size_t>(n_groups));
    }
    return labels;
}

#endif
