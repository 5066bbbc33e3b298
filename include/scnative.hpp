/// @file scnative.hpp
/// scnative for C++17: native kernels for single-cell analysis. Header-only, over the C ABI of scnative.h.
///
/// @code
/// #include <scnative.hpp>
///
/// auto folder = scn::read_10x_mtx("filtered_feature_bc_matrix");
/// scn::normalize_total_options options;
/// options.target_sum = 1e4;
/// auto lognorm = scn::normalize_log1p<float>(folder.matrix(), options);
/// @endcode
///
/// Conventions
/// - Matrices are cells (obs) x genes (var), and are borrowed: `matrix_view` holds pointers, never elements. A view is made
///   of vectors (`csr`, `csc`, `dense`), of pointers (`sparse_view`, `dense_view`), of the library's results (`sparse`) and of
///   Eigen's matrices, sparse and dense. What a view was made of must outlive it.
/// - Functions return what they compute. Those that change their argument end in `_inplace` and take a
///   `mutable_matrix_view`.
/// - An options struct is the C struct with its defaults set: the comments in scnative.h say what each field means.
/// - The last argument of a function is a `context`: threads, seed, progress, cancellation. Results do not depend on the
///   number of threads.
/// - Whatever fails throws `scn::error`, with the status of the C ABI and a message that names the argument. A function
///   that throws has returned nothing and changed nothing, unless its description says so.
/// - Any function may be called from any thread. Handles (`sparse`, `folder_10x`, `tensors`, `model`, `cancel_token`) can be
///   moved, not copied; const ones may be shared between threads.
/// - What a function computes, its reference, errors and memory: scnative.h, at the function that the description names.
///
/// Eigen is used if it was included before this header, or if SCNATIVE_EIGEN is defined; this header may be included
/// again after Eigen. BSD-3-Clause.

#ifndef SCNATIVE_HPP
#define SCNATIVE_HPP

#if !(defined(__cplusplus) && __cplusplus >= 201703L) && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#error "scnative.hpp needs C++17: compile with -std=c++17 or later"
#endif

#include "scnative.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// C++ interface of scnative.
namespace scn {

// ------------------------------------------------------------------------------------------------------------------
// Names
// ------------------------------------------------------------------------------------------------------------------

/// Named constants of the C ABI. They are written `scn::axis::obs`, and turn into the C structs' numbers by themselves.
namespace enums {

/// Cells or genes.
enum axis : std::int32_t { obs = SCN_OBS, var = SCN_VAR };

/// Type of the elements of a matrix.
enum dtype : std::int32_t {
    f32 = SCN_F32,
    f64 = SCN_F64,
    i8 = SCN_I8,
    u8 = SCN_U8,
    i16 = SCN_I16,
    u16 = SCN_U16,
    i32 = SCN_I32,
    u32 = SCN_U32,
    i64 = SCN_I64,
    u64 = SCN_U64
};

/// How highly variable genes are chosen: `highly_variable_genes_options::flavor`.
enum flavor : std::int32_t {
    seurat = SCN_HVG_SEURAT,
    cell_ranger = SCN_HVG_CELL_RANGER,
    seurat_v3 = SCN_HVG_SEURAT_V3,
    seurat_v3_paper = SCN_HVG_SEURAT_V3_PAPER,
    pearson_residuals = SCN_HVG_PEARSON_RESIDUALS,
    vst = SCN_HVG_VST,
    mean_var_plot = SCN_HVG_MEAN_VAR_PLOT,
    dispersion = SCN_HVG_DISPERSION
};

/// Bins of genes by mean, of Seurat's flavors: `highly_variable_genes_options::binning`.
enum binning : std::int32_t { equal_width = SCN_HVG_BINS_EQUAL_WIDTH, equal_frequency = SCN_HVG_BINS_EQUAL_FREQUENCY };

/// Tests of `rank_genes_groups`: `rank_genes_groups_options::method`.
enum method : std::int32_t {
    t_test = SCN_METHOD_T_TEST,
    t_test_overestim_var = SCN_METHOD_T_TEST_OVERESTIM_VAR,
    student = SCN_METHOD_STUDENT,
    wilcoxon = SCN_METHOD_WILCOXON
};

/// Corrections for multiple testing: `adjust_p` and `rank_genes_groups_options::corr_method`.
enum corr_method : std::int32_t {
    benjamini_hochberg = SCN_CORR_BENJAMINI_HOCHBERG,
    benjamini_yekutieli = SCN_CORR_BENJAMINI_YEKUTIELI,
    bonferroni = SCN_CORR_BONFERRONI
};

/// Conventions of log fold changes: `rank_genes_groups_options::fold_change`.
enum fold_change : std::int32_t {
    scanpy_v1 = SCN_FOLD_CHANGE_SCANPY_V1,
    scanpy_v2 = SCN_FOLD_CHANGE_SCANPY_V2,
    seurat_v4 = SCN_FOLD_CHANGE_SEURAT_V4,
    seurat_v5 = SCN_FOLD_CHANGE_SEURAT_V5,
    seurat_v4_means = SCN_FOLD_CHANGE_SEURAT_V4_MEANS,
    difference = SCN_FOLD_CHANGE_DIFFERENCE
};

/// Where loess fits: at the ends of cells and blended between them, or at each point. `loess_options::surface`.
enum surface : std::int32_t { interpolate = SCN_LOESS_INTERPOLATE, direct = SCN_LOESS_DIRECT };

/// Distances between cells, of `energy_distance`.
enum metric : std::int32_t { sqeuclidean = SCN_METRIC_SQEUCLIDEAN, euclidean = SCN_METRIC_EUCLIDEAN };

/// Phases of the cell cycle, results of `cell_cycle_phase`.
enum phase : std::int32_t { g1 = SCN_PHASE_G1, s = SCN_PHASE_S, g2m = SCN_PHASE_G2M };

/// Levels of messages, of `on_log`.
enum log_level : std::int32_t { info = SCN_LOG_INFO, warning = SCN_LOG_WARNING };

}  // namespace enums

using enums::axis;
using enums::binning;
using enums::corr_method;
using enums::dtype;
using enums::flavor;
using enums::fold_change;
using enums::log_level;
using enums::method;
using enums::metric;
using enums::phase;
using enums::surface;

// ------------------------------------------------------------------------------------------------------------------
// Errors
// ------------------------------------------------------------------------------------------------------------------

/// What every function throws when the library says no: the library's message, and its status.
class error : public std::runtime_error {
  public:
    error(ScnStatus status, const std::string& message) : std::runtime_error(message), status_(status) {}

    /// One of `SCN_ERR_*`.
    [[nodiscard]] ScnStatus status() const noexcept { return status_; }

    /// Its name, `"SCN_ERR_SHAPE"` say. By `scn_status_name`.
    [[nodiscard]] const char* status_name() const noexcept { return scn_status_name(status_); }

  private:
    ScnStatus status_;
};

/// The `error` of a call that its token cancelled (`SCN_ERR_CANCELLED`): usually no failure, so it can be caught alone.
class cancelled : public error {
  public:
    using error::error;
};

namespace detail {

inline void check(ScnStatus status) {
    if (status == SCN_OK) {
        return;
    }
    std::size_t needed = 0;
    scn_last_error_message(nullptr, 0, &needed);
    std::string message(needed, '\0');
    scn_last_error_message(message.data(), message.size(), nullptr);
    message.resize(needed > 0 ? needed - 1 : 0);
    if (status == SCN_ERR_CANCELLED) {
        throw cancelled(status, message);
    }
    throw error(status, message);
}

/// Refuses a library of another ABI than the header's. The dynamic linker does so by the SONAME; this is for those that
/// were loaded in other ways.
inline void check_abi() {
    if (scn_abi_version() != SCN_ABI_VERSION) {
        throw error(SCN_ERR_UNSUPPORTED, std::string("libscnative ") + scn_version() + " has ABI " +
                                             std::to_string(scn_abi_version()) + ", must have " +
                                             std::to_string(SCN_ABI_VERSION) + ": install the library that scnative.h came with");
    }
}

/// Runs an `_init` function on a struct of the C ABI.
template <class T>
void init(T& options, ScnStatus (*defaults)(T*, std::size_t)) {
    check(defaults(&options, sizeof(T)));
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------------------------
// Arrays
// ------------------------------------------------------------------------------------------------------------------

namespace detail {

template <class C, class = void>
struct has_strides : std::false_type {};
template <class C>
struct has_strides<C, std::void_t<decltype(std::declval<const C&>().innerStride())>> : std::true_type {};

/// Whether the elements of a container lie side by side. All have that; of Eigen's expressions, some have not.
template <class C>
bool is_contiguous(const C& container) {
    if constexpr (has_strides<C>::value) {
        return container.size() <= 1 ||
               (container.innerStride() == 1 && (container.outerSize() <= 1 || container.outerStride() == container.innerSize()));
    } else {
        return true;
    }
}

template <class C, class T>
using enable_if_elements =
    std::enable_if_t<std::is_convertible_v<std::remove_pointer_t<decltype(std::data(std::declval<C&>()))> (*)[], T (*)[]>>;

}  // namespace detail

/// Some elements side by side, borrowed: made of whatever has `data()` and `size()`, and of arrays.
template <class T>
class span {
  public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr span() noexcept = default;
    constexpr span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}

    /// Throws `SCN_ERR_INVALID_ARGUMENT` for an Eigen expression whose elements do not lie side by side.
    template <class C, class = detail::enable_if_elements<C, T>>
    span(C&& container) : data_(std::data(container)), size_(static_cast<std::size_t>(std::size(container))) {
        if (!detail::is_contiguous(container)) {
            throw error(SCN_ERR_INVALID_ARGUMENT, "array: has gaps between its elements, must have none; copy it (.eval())");
        }
    }

    [[nodiscard]] constexpr T* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr T* begin() const noexcept { return data_; }
    [[nodiscard]] constexpr T* end() const noexcept { return data_ + size_; }
    constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }

  private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/// The number of elements, as the C ABI counts.
template <class C>
std::int64_t len(const C& array) {
    return static_cast<std::int64_t>(std::size(array));
}

/// How many elements `a` times `b` are; 0 if one is negative, which the library then complains about.
inline std::size_t elements(std::int64_t a, std::int64_t b) {
    return a > 0 && b > 0 ? static_cast<std::size_t>(a) * static_cast<std::size_t>(b) : 0;
}

/// The address of elements that are there, if only none of them: to the C ABI null would say that nothing is given.
template <class T>
const T* given(span<const T> array) {
    static const T none{};
    return array.data() == nullptr ? &none : array.data();
}

/// The address of elements that may be left out: null if there are none.
template <class T>
const T* none_if_empty(span<const T> array) {
    return array.empty() ? nullptr : array.data();
}

/// The address of a result's elements, if only none of them: to the C ABI null would say that it is not wanted.
template <class T>
T* place(std::vector<T>& array) {
    static T none{};
    return array.empty() ? &none : array.data();
}

/// The type tag of elements of type T.
template <class T>
constexpr dtype tag() {
    using V = std::remove_cv_t<T>;
    static_assert(std::is_same_v<V, float> || std::is_same_v<V, double> ||
                      (std::is_integral_v<V> && !std::is_same_v<V, bool> && !std::is_same_v<V, char> && sizeof(V) <= 8),
                  "elements must be float, double or integers of 8 to 64 bits");
    if constexpr (std::is_same_v<V, float>) {
        return dtype::f32;
    } else if constexpr (std::is_same_v<V, double>) {
        return dtype::f64;
    } else {
        constexpr dtype by_size[2][4] = {{dtype::u8, dtype::u16, dtype::u32, dtype::u64},
                                         {dtype::i8, dtype::i16, dtype::i32, dtype::i64}};
        constexpr int log2 = sizeof(V) == 1 ? 0 : sizeof(V) == 2 ? 1 : sizeof(V) == 4 ? 2 : 3;
        return by_size[std::is_signed_v<V> ? 1 : 0][log2];
    }
}

template <class T>
constexpr bool is_index = std::is_integral_v<T> && std::is_signed_v<T> && (sizeof(T) == 4 || sizeof(T) == 8);

template <class T>
constexpr bool is_float = std::is_same_v<T, float> || std::is_same_v<T, double>;

inline void check_length(const char* name, std::size_t got, std::int64_t want) {
    if (want < 0 || got != static_cast<std::size_t>(want)) {
        throw error(SCN_ERR_SHAPE,
                    std::string(name) + ": has length " + std::to_string(got) + ", must have " + std::to_string(want));
    }
}

}  // namespace detail

/// What to compute of several things: one of them, `{some, of, them}`, or `choice<E>::all()`.
template <class E>
class choice {
  public:
    constexpr choice(E one) noexcept : bits_(bit(one)) {}
    constexpr choice(std::initializer_list<E> some) noexcept {
        for (E one : some) {
            bits_ |= bit(one);
        }
    }
    [[nodiscard]] static constexpr choice all() noexcept {
        choice everything(std::initializer_list<E>{});
        everything.bits_ = ~0U;
        return everything;
    }
    [[nodiscard]] constexpr bool has(E one) const noexcept { return (bits_ & bit(one)) != 0; }

  private:
    static constexpr unsigned bit(E one) noexcept { return 1U << static_cast<unsigned>(one); }
    unsigned bits_ = 0;
};

/// Labels of cells (or genes): the group of each, from 0 to `n_groups` - 1, or -1 for none. Borrowed.
class labels {
  public:
    /// No groups at all.
    labels() noexcept = default;

    /// As many groups as the largest label says.
    template <class C, class = std::enable_if_t<std::is_convertible_v<const C&, span<const std::int32_t>>>>
    labels(const C& of_each) : labels(span<const std::int32_t>(of_each), 0) {
        for (std::int32_t label : span<const std::int32_t>(of_each)) {
            n_groups_ = std::max(n_groups_, static_cast<std::int64_t>(label) + 1);
        }
    }

    /// `n_groups` groups, of which some may be empty.
    labels(span<const std::int32_t> of_each, std::int64_t n_groups)
        : data_(detail::given(of_each)), size_(detail::len(of_each)), n_groups_(n_groups) {}

    /// Null for no groups at all.
    [[nodiscard]] const std::int32_t* data() const noexcept { return data_; }
    [[nodiscard]] std::int64_t size() const noexcept { return size_; }
    [[nodiscard]] std::int64_t n_groups() const noexcept { return n_groups_; }
    /// Whether there are any.
    explicit operator bool() const noexcept { return data_ != nullptr; }

  private:
    const std::int32_t* data_ = nullptr;
    std::int64_t size_ = 0;
    std::int64_t n_groups_ = 0;
};

// ------------------------------------------------------------------------------------------------------------------
// Log, cancellation, context
// ------------------------------------------------------------------------------------------------------------------

/// What gets the library's messages: a level and the text, which is valid during the call only.
using log_function = std::function<void(log_level level, std::string_view message)>;

namespace detail {

/// The process's log function. Never destroyed: threads may call the library until the process ends.
struct log_sink {
    std::mutex mutex;
    std::shared_ptr<const log_function> function;

    static log_sink& instance() {
        static log_sink& sink = *new log_sink;
        return sink;
    }
};

/// What the log function threw during this thread's call.
inline std::exception_ptr& log_exception() noexcept {
    thread_local std::exception_ptr thrown;
    return thrown;
}

inline void log_callback(std::int32_t level, const char* message, void* /*user*/) noexcept {
    try {
        std::shared_ptr<const log_function> function;
        {
            log_sink& sink = log_sink::instance();
            const std::lock_guard<std::mutex> lock(sink.mutex);
            function = sink.function;
        }
        if (function) {
            (*function)(static_cast<log_level>(level), message);
        }
    } catch (...) {
        if (!log_exception()) {
            log_exception() = std::current_exception();
        }
    }
}

}  // namespace detail

/// Sends the library's messages (warnings as scanpy and Seurat have them) to `function`, in place of the one before; an
/// empty one silences, which is the default. There is one for the process; it is called on the thread whose call the
/// message is about. What it throws is thrown again when that call is done. By `scn_set_log_callback`.
inline void on_log(log_function function) {
    const bool wanted = static_cast<bool>(function);
    auto shared = wanted ? std::make_shared<const log_function>(std::move(function)) : nullptr;
    detail::log_sink& sink = detail::log_sink::instance();
    {
        const std::lock_guard<std::mutex> lock(sink.mutex);
        sink.function.swap(shared);
    }
    detail::check(scn_set_log_callback(wanted ? detail::log_callback : nullptr, nullptr));
}

/// Stops the calls whose context has it. Any thread may set it at any time. Moved from, it holds no token.
class cancel_token {
  public:
    /// A token that is not set. By `scn_cancel_token_new`.
    cancel_token() {
        ScnCancelToken* made = nullptr;
        detail::check(scn_cancel_token_new(&made));
        owned_.reset(made);
    }

    /// Stops calls within about 0.1 s: they throw `scn::cancelled`. By `scn_cancel_token_set`.
    void set() const { detail::check(scn_cancel_token_set(get())); }

    /// Makes it usable for another call. By `scn_cancel_token_reset`.
    void reset() const { detail::check(scn_cancel_token_reset(get())); }

    /// For functions of scnative.h; null if moved from.
    [[nodiscard]] const ScnCancelToken* get() const noexcept { return owned_.get(); }

  private:
    struct free {
        void operator()(ScnCancelToken* token) const noexcept { scn_cancel_token_free(token); }
    };
    std::unique_ptr<ScnCancelToken, free> owned_;
};

/// How a call runs. The defaults are the library's (`scn_context_init`).
struct context {
    context() {
        ScnContext defaults;
        detail::init(defaults, scn_context_init);
        n_threads = defaults.n_threads;
        device = defaults.device;
        seed = defaults.seed;
    }

    /// Threads to compute with, up to 1024; 0 (default) is `SCN_NUM_THREADS` if set, else all cores that the process may
    /// use. Results do not depend on it.
    std::int32_t n_threads;
    /// `SCN_DEVICE_CPU` (default).
    std::int32_t device;
    /// Seed of whatever is random; default 0. The same seed gives the same bits.
    std::uint64_t seed;
    /// Called about ten times a second, on the calling thread, with the part done (0 to 1). To stop the call, throw: the
    /// call is cancelled, and then throws the same exception.
    std::function<void(double done)> progress;
    /// A token that stops the call, or null (default); borrowed.
    const cancel_token* cancel = nullptr;
};

namespace detail {

/// A progress function, and what it threw.
struct progress_bridge {
    const std::function<void(double)>& function;
    std::exception_ptr thrown;

    static std::int32_t callback(double done, void* user) noexcept {
        auto& bridge = *static_cast<progress_bridge*>(user);
        try {
            bridge.function(done);
            return 0;
        } catch (...) {
            bridge.thrown = std::current_exception();
            return 1;
        }
    }
};

/// Makes a call with a C context. What progress or log functions threw goes before the call's own status.
template <class Call>
void invoke(const context& how, Call&& call) {
    check_abi();
    progress_bridge bridge{how.progress, nullptr};
    ScnContext settings;
    init(settings, scn_context_init);
    settings.n_threads = how.n_threads;
    settings.device = how.device;
    settings.seed = how.seed;
    if (how.progress) {
        settings.progress = progress_bridge::callback;
        settings.progress_user = &bridge;
    }
    settings.cancel = how.cancel == nullptr ? nullptr : how.cancel->get();

    // A call may be made inside another one's callbacks: the other one's exception is kept for it.
    std::exception_ptr outer = std::exchange(log_exception(), nullptr);
    const ScnStatus status = call(&settings);
    const std::exception_ptr logged = std::exchange(log_exception(), std::move(outer));
    if (bridge.thrown) {
        std::rethrow_exception(bridge.thrown);
    }
    if (logged) {
        std::rethrow_exception(logged);
    }
    check(status);
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------------------------
// Options
// ------------------------------------------------------------------------------------------------------------------

/// Options of `normalize_total` and `normalize_log1p`: the fields of `ScnNormalizeTotalOptions`, by default the median total,
/// all genes counted, natural logarithm.
struct normalize_total_options : ScnNormalizeTotalOptions {
    normalize_total_options() { detail::init<ScnNormalizeTotalOptions>(*this, scn_normalize_total_options_init); }
};

/// Options of `highly_variable_genes`: the fields of `ScnHighlyVariableGenesOptions`, by default scanpy's.
struct highly_variable_genes_options : ScnHighlyVariableGenesOptions {
    highly_variable_genes_options() {
        detail::init<ScnHighlyVariableGenesOptions>(*this, scn_highly_variable_genes_options_init);
    }
};

/// Options of `scale`: the fields of `ScnScaleOptions`, by default centred and not clipped.
struct scale_options : ScnScaleOptions {
    scale_options() { detail::init<ScnScaleOptions>(*this, scn_scale_options_init); }
};

/// Options of `rank_genes_groups`: the fields of `ScnRankGenesGroupsOptions`, by default scanpy's.
struct rank_genes_groups_options : ScnRankGenesGroupsOptions {
    rank_genes_groups_options() { detail::init<ScnRankGenesGroupsOptions>(*this, scn_rank_genes_groups_options_init); }
};

/// Options of `control_genes`: the fields of `ScnControlGenesOptions`, by default scanpy's.
struct control_genes_options : ScnControlGenesOptions {
    control_genes_options() { detail::init<ScnControlGenesOptions>(*this, scn_control_genes_options_init); }
};

/// Options of `simulate_counts`: the fields of `ScnSimulateOptions`.
struct simulate_options : ScnSimulateOptions {
    simulate_options() { detail::init<ScnSimulateOptions>(*this, scn_simulate_options_init); }
};

/// Options of `loess`: the fields of `ScnLoessOptions`, by default R's.
struct loess_options : ScnLoessOptions {
    loess_options() { detail::init<ScnLoessOptions>(*this, scn_loess_options_init); }
};

// ------------------------------------------------------------------------------------------------------------------
// Matrices
// ------------------------------------------------------------------------------------------------------------------

/// How a type of matrices becomes a view: specialise it, with a static function `view(M&)` or `view(const M&)` that returns a
/// `matrix_view` or `mutable_matrix_view`, and objects of that type can be passed to every function. For Eigen that is done
/// at the end of this header.
template <class M, class Enable = void>
struct matrix_adapter;

class matrix_view;
class mutable_matrix_view;

namespace detail {
template <class M>
using adapted = decltype(matrix_adapter<std::remove_const_t<M>>::view(std::declval<M&>()));
}  // namespace detail

/// A borrowed matrix of cells x genes that is only read. It holds pointers: what it was made of must outlive it.
class matrix_view {
  public:
    /// Of the C struct, which must have been set up by `scn_matrix_init`.
    explicit matrix_view(const ScnMatrix& raw) noexcept : raw_(raw) {}

    /// Of Eigen's matrices, whose rows are the cells (for genes x cells, see `transposed`), and of all types that have a
    /// `matrix_adapter`.
    template <class M, class V = detail::adapted<const M>, class = std::enable_if_t<std::is_base_of_v<matrix_view, V>>>
    matrix_view(const M& matrix) : matrix_view(matrix_adapter<M>::view(matrix)) {}

    /// The descriptor, for functions of scnative.h.
    [[nodiscard]] const ScnMatrix& raw() const noexcept { return raw_; }
    /// Its address.
    [[nodiscard]] const ScnMatrix* get() const noexcept { return &raw_; }

    /// Cells.
    [[nodiscard]] std::int64_t n_obs() const noexcept { return raw_.n_obs; }
    /// Genes.
    [[nodiscard]] std::int64_t n_vars() const noexcept { return raw_.n_vars; }
    /// Stored elements: of a dense matrix all.
    [[nodiscard]] std::int64_t nnz() const noexcept { return is_sparse() ? raw_.nnz : raw_.n_obs * raw_.n_vars; }
    [[nodiscard]] bool is_sparse() const noexcept { return raw_.storage == SCN_SPARSE; }
    /// The axis that it is compressed along, or whose lines lie contiguously.
    [[nodiscard]] scn::axis major() const noexcept { return static_cast<scn::axis>(raw_.major); }
    /// Type of the elements.
    [[nodiscard]] scn::dtype dtype() const noexcept { return static_cast<scn::dtype>(raw_.value_type); }

    /// The same bytes with cells and genes exchanged: of genes x cells, as R and Seurat have them, cells x genes. No copy.
    [[nodiscard]] matrix_view transposed() const noexcept {
        matrix_view other = *this;
        other.transpose();
        return other;
    }

    /// The same with the promise that the indices of each line ascend and do not repeat (`SCN_MATRIX_CANONICAL`), which saves
    /// functions from looking.
    [[nodiscard]] matrix_view assume_canonical() const noexcept {
        matrix_view other = *this;
        other.raw_.flags |= SCN_MATRIX_CANONICAL;
        return other;
    }

    /// The same structure with other values, such as those that `normalize_total` returns. `values` must outlive the result.
    ///
    /// Throws `SCN_ERR_SHAPE` unless there are `nnz()` of them.
    template <class C>
    [[nodiscard]] matrix_view with_values(const C& values) const {
        detail::check_length("values", std::size(values), nnz());
        matrix_view other = *this;
        other.raw_.values = std::data(values);
        other.raw_.value_type = detail::tag<std::remove_pointer_t<decltype(std::data(values))>>();
        other.raw_.stride = 0;
        return other;
    }

  protected:
    void transpose() noexcept {
        std::swap(raw_.n_obs, raw_.n_vars);
        raw_.major = raw_.major == SCN_OBS ? SCN_VAR : SCN_OBS;
    }

    ScnMatrix raw_;
};

/// A `matrix_view` whose values may be changed, by the functions that end in `_inplace`.
class mutable_matrix_view : public matrix_view {
  public:
    /// Of the C struct, whose values must not be const.
    explicit mutable_matrix_view(const ScnMatrix& raw) noexcept : matrix_view(raw) {}

    /// Of Eigen's matrices and of all types that have a `matrix_adapter`, unless const.
    template <class M, class V = detail::adapted<M>, class = std::enable_if_t<std::is_same_v<mutable_matrix_view, V>>>
    mutable_matrix_view(M& matrix) : mutable_matrix_view(matrix_adapter<M>::view(matrix)) {}

    /// As `matrix_view::transposed`.
    [[nodiscard]] mutable_matrix_view transposed() const noexcept {
        mutable_matrix_view other = *this;
        other.transpose();
        return other;
    }
};

namespace detail {

template <class V>
using view_of = std::conditional_t<std::is_const_v<V>, matrix_view, mutable_matrix_view>;

template <class C>
using elements_of = std::remove_pointer_t<decltype(std::data(std::declval<C&>()))>;

}  // namespace detail

/// A sparse matrix of cells x genes from its three arrays, borrowed: compressed along `major`, `nnz` stored elements, offsets
/// and indices int32 or int64 that count from `index_base` (0 or 1), values of any of the ten types. It can be changed in place
/// unless the values are const.
template <class P, class I, class V>
[[nodiscard]] detail::view_of<V> sparse_view(axis major, std::int64_t n_obs, std::int64_t n_vars, std::int64_t nnz,
                                             const P* indptr, const I* indices, V* values, std::int32_t index_base = 0) {
    static_assert(detail::is_index<P> && detail::is_index<I>, "indptr and indices must be of 32 or 64-bit signed integers");
    ScnMatrix raw;
    detail::init(raw, scn_matrix_init);
    raw.storage = SCN_SPARSE;
    raw.major = major;
    raw.index_base = index_base;
    raw.n_obs = n_obs;
    raw.n_vars = n_vars;
    raw.nnz = nnz;
    raw.indptr = indptr;
    raw.indices = indices;
    raw.values = values;
    raw.indptr_type = detail::tag<P>();
    raw.index_type = detail::tag<I>();
    raw.value_type = detail::tag<V>();
    return detail::view_of<V>(raw);
}

/// A dense matrix of cells x genes, borrowed: lines along `major` (`axis::obs`: the genes of a cell lie side by side), `stride`
/// elements from the start of one to that of the next, 0 if they follow each other. It can be changed in place unless the
/// values are const.
template <class V>
[[nodiscard]] detail::view_of<V> dense_view(std::int64_t n_obs, std::int64_t n_vars, V* values, axis major = axis::obs,
                                            std::int64_t stride = 0) {
    ScnMatrix raw;
    detail::init(raw, scn_matrix_init);
    raw.storage = SCN_DENSE;
    raw.major = major;
    raw.n_obs = n_obs;
    raw.n_vars = n_vars;
    raw.values = values;
    raw.value_type = detail::tag<V>();
    raw.stride = stride;
    return detail::view_of<V>(raw);
}

namespace detail {

template <class P, class I, class V>
auto compressed(axis major, std::int64_t n_obs, std::int64_t n_vars, const P& indptr, const I& indices, V& values,
                std::int32_t index_base) {
    check_length("indptr", std::size(indptr), (major == axis::obs ? n_obs : n_vars) + 1);
    check_length("indices", std::size(indices), len(values));
    return sparse_view(major, n_obs, n_vars, len(values), std::data(indptr), std::data(indices), std::data(values), index_base);
}

}  // namespace detail

/// Cells x genes compressed along the cells, borrowed from three containers (`std::vector`, `span`, ...): scipy's CSR, and R's
/// genes x cells `dgCMatrix`. See `sparse_view`.
///
/// Throws `SCN_ERR_SHAPE` for lengths that do not fit each other.
template <class P, class I, class V>
[[nodiscard]] auto csr(std::int64_t n_obs, std::int64_t n_vars, const P& indptr, const I& indices, V&& values,
                       std::int32_t index_base = 0) {
    return detail::compressed(axis::obs, n_obs, n_vars, indptr, indices, values, index_base);
}

/// Cells x genes compressed along the genes, borrowed from three containers: scipy's CSC. See `sparse_view`.
///
/// Throws `SCN_ERR_SHAPE` for lengths that do not fit each other.
template <class P, class I, class V>
[[nodiscard]] auto csc(std::int64_t n_obs, std::int64_t n_vars, const P& indptr, const I& indices, V&& values,
                       std::int32_t index_base = 0) {
    return detail::compressed(axis::var, n_obs, n_vars, indptr, indices, values, index_base);
}

/// A dense matrix of cells x genes, borrowed from a container without gaps. See `dense_view`.
///
/// Throws `SCN_ERR_SHAPE` unless there are `n_obs * n_vars` elements.
template <class V>
[[nodiscard]] auto dense(std::int64_t n_obs, std::int64_t n_vars, V&& values, axis major = axis::obs) {
    detail::check_length("values", std::size(values), n_obs < 0 || n_vars < 0 ? -1 : n_obs * n_vars);
    return dense_view(n_obs, n_vars, std::data(values), major);
}

/// A sparse matrix that the library made and owns. It can be moved, not copied; const uses may be shared between threads. It
/// goes wherever a `matrix_view` does, unless it is a temporary.
class sparse {
  public:
    /// None. So is one that was moved from: its views throw `SCN_ERR_NULL`.
    sparse() noexcept = default;

    /// Takes what a function of scnative.h made. By `scn_sparse_free` it is freed.
    explicit sparse(ScnSparse* owned) noexcept : owned_(owned) {}

    /// A view: offsets int64, from 0; the indices of each line ascend without repeats. By `scn_sparse_view`.
    [[nodiscard]] matrix_view view() const& {
        ScnMatrix raw;
        detail::init(raw, scn_matrix_init);
        detail::check(scn_sparse_view(get(), &raw));
        return matrix_view(raw);
    }
    matrix_view view() && = delete;
    operator matrix_view() const& { return view(); }
    operator matrix_view() && = delete;

    [[nodiscard]] std::int64_t n_obs() const { return view().n_obs(); }
    [[nodiscard]] std::int64_t n_vars() const { return view().n_vars(); }
    [[nodiscard]] std::int64_t nnz() const { return view().nnz(); }
    [[nodiscard]] scn::axis major() const { return view().major(); }
    [[nodiscard]] scn::dtype dtype() const { return view().dtype(); }
    /// Type of the indices, `dtype::i32` or `dtype::i64`.
    [[nodiscard]] scn::dtype index_dtype() const { return static_cast<scn::dtype>(view().raw().index_type); }

    /// Offsets of the lines, one more than there are lines.
    [[nodiscard]] span<const std::int64_t> indptr() const& {
        const matrix_view m = view();
        const std::int64_t lines = m.major() == axis::obs ? m.n_obs() : m.n_vars();
        return elements<std::int64_t>(m.raw().indptr, m.raw().indptr_type, lines + 1, "indptr");
    }
    /// Position of each stored element on the other axis. Throws `SCN_ERR_TYPE` unless T is the type that they have.
    template <class T = std::int32_t>
    [[nodiscard]] span<const T> indices() const& {
        const matrix_view m = view();
        return elements<T>(m.raw().indices, m.raw().index_type, m.nnz(), "indices");
    }
    /// The stored elements. Throws `SCN_ERR_TYPE` unless T is the type that they have.
    template <class T>
    [[nodiscard]] span<const T> values() const& {
        const matrix_view m = view();
        return elements<T>(m.raw().values, m.raw().value_type, m.nnz(), "values");
    }

    /// For functions of scnative.h; null if there is none.
    [[nodiscard]] const ScnSparse* get() const noexcept { return owned_.get(); }
    /// Gives it away: the caller frees it.
    [[nodiscard]] ScnSparse* release() noexcept { return owned_.release(); }
    /// Whether there is one.
    explicit operator bool() const noexcept { return owned_ != nullptr; }

  private:
    template <class T>
    static span<const T> elements(const void* data, std::int32_t has, std::int64_t n, const char* name) {
        if (detail::tag<T>() != has) {
            throw error(SCN_ERR_TYPE, std::string(name) + ": has type tag " + std::to_string(has) + ", asked for as " +
                                          std::to_string(detail::tag<T>()));
        }
        return {static_cast<const T*>(data), static_cast<std::size_t>(n)};
    }

    struct free {
        void operator()(ScnSparse* matrix) const noexcept { scn_sparse_free(matrix); }
    };
    std::unique_ptr<ScnSparse, free> owned_;
};

namespace detail {

/// The sparse result of a call. It is owned before anything is thrown.
template <class Call>
sparse make_sparse(const context& how, Call&& call) {
    sparse made;
    invoke(how, [&](const ScnContext* settings) {
        ScnSparse* raw = nullptr;
        const ScnStatus status = call(settings, &raw);
        made = sparse(raw);
        return status;
    });
    return made;
}

}  // namespace detail

// ------------------------------------------------------------------------------------------------------------------
// Files
// ------------------------------------------------------------------------------------------------------------------

/// Reads a MatrixMarket file, plain or gzipped. `rows` says what its rows are: `axis::obs` for cells x genes, `axis::var` for
/// genes x cells. The values get the type `type`; by default int64 for a file of integers, else double. Cells x genes,
/// compressed along the cells. By `scn_read_mtx`.
[[nodiscard]] inline sparse read_mtx(const std::string& path, axis rows = axis::obs, std::optional<dtype> type = std::nullopt,
                                     const context& how = {}) {
    return detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** made) {
        return scn_read_mtx(settings, path.c_str(), rows, type ? *type : 0, made);
    });
}

/// Writes the non-zeros of a matrix to a MatrixMarket file, gzipped if `path` ends in `.gz`, with cells (default) or genes as
/// `rows`. By `scn_write_mtx`.
inline void write_mtx(const std::string& path, const matrix_view& matrix, axis rows = axis::obs, const context& how = {}) {
    detail::invoke(how, [&](const ScnContext* settings) { return scn_write_mtx(settings, matrix.get(), path.c_str(), rows); });
}

/// A folder that Cell Ranger wrote, in memory: counts of cells x genes, and names. It can be moved, not copied.
class folder_10x {
  public:
    /// None. So is one that was moved from: its functions throw `SCN_ERR_NULL`.
    folder_10x() noexcept = default;

    /// Takes what `scn_read_10x_mtx` made. By `scn_10x_free` it is freed.
    explicit folder_10x(Scn10x* owned) noexcept : owned_(owned) {}

    /// The counts, compressed along the cells: valid as long as this object. By `scn_10x_view`.
    [[nodiscard]] matrix_view matrix() const& {
        ScnMatrix raw;
        detail::init(raw, scn_matrix_init);
        detail::check(scn_10x_view(get(), &raw));
        return matrix_view(raw);
    }
    matrix_view matrix() && = delete;

    /// A name for each cell. By `scn_10x_names`, as all of these.
    [[nodiscard]] std::vector<std::string> barcodes() const { return names(SCN_10X_BARCODES); }
    /// An identifier for each gene.
    [[nodiscard]] std::vector<std::string> gene_ids() const { return names(SCN_10X_GENE_IDS); }
    /// A name for each gene; some may be the same.
    [[nodiscard]] std::vector<std::string> gene_names() const { return names(SCN_10X_GENE_NAMES); }
    /// "Gene Expression" and the like for each gene; none for folders from before Cell Ranger 3.
    [[nodiscard]] std::vector<std::string> feature_types() const { return names(SCN_10X_FEATURE_TYPES); }

    /// For functions of scnative.h; null if there is none.
    [[nodiscard]] const Scn10x* get() const noexcept { return owned_.get(); }
    /// Whether there is one.
    explicit operator bool() const noexcept { return owned_ != nullptr; }

  private:
    [[nodiscard]] std::vector<std::string> names(std::int32_t which) const {
        std::size_t needed = 0;
        std::int64_t count = 0;
        detail::check(scn_10x_names(get(), which, nullptr, 0, &needed, &count));
        std::string text(needed, '\0');
        detail::check(scn_10x_names(get(), which, text.data(), text.size(), nullptr, nullptr));
        std::vector<std::string> all;
        all.reserve(static_cast<std::size_t>(count));
        for (std::size_t begin = 0; all.size() < static_cast<std::size_t>(count);) {
            const std::size_t end = text.find('\n', begin);
            all.emplace_back(text, begin, end - begin);
            begin = end + 1;
        }
        return all;
    }

    struct free {
        void operator()(Scn10x* folder) const noexcept { scn_10x_free(folder); }
    };
    std::unique_ptr<Scn10x, free> owned_;
};

/// Reads a folder that Cell Ranger or STARsolo wrote: matrix.mtx, barcodes.tsv, and features.tsv or genes.tsv, each plain or with
/// .gz; `prefix` is what the three names begin with. The values get the type `type`, by default float; none stands for what
/// `read_mtx` takes. By `scn_read_10x_mtx`.
[[nodiscard]] inline folder_10x read_10x_mtx(const std::string& path, const std::string& prefix = {},
                                             std::optional<dtype> type = dtype::f32, const context& how = {}) {
    folder_10x made;
    detail::invoke(how, [&](const ScnContext* settings) {
        Scn10x* raw = nullptr;
        const ScnStatus status = scn_read_10x_mtx(settings, path.c_str(), prefix.c_str(), type ? *type : 0, &raw);
        made = folder_10x(raw);
        return status;
    });
    return made;
}

// ------------------------------------------------------------------------------------------------------------------
// Matrices as such
// ------------------------------------------------------------------------------------------------------------------

/// Checks a matrix in full: structure, and that all values are finite; throws what is wrong with which element. By
/// `scn_matrix_validate`.
inline void validate(const matrix_view& matrix, const context& how = {}) {
    detail::invoke(how, [&](const ScnContext* settings) { return scn_matrix_validate(settings, matrix.get()); });
}

/// Whether the indices of each line ascend and do not repeat, read even if the view promises so: of one that is so,
/// `assume_canonical()` saves functions from looking. By `scn_matrix_is_canonical`.
[[nodiscard]] inline bool is_canonical(const matrix_view& matrix, const context& how = {}) {
    std::uint8_t canonical = 0;
    detail::invoke(how, [&](const ScnContext* settings) { return scn_matrix_is_canonical(settings, matrix.get(), &canonical); });
    return canonical != 0;
}

/// A copy whose indices ascend in each line; what is stored twice is summed. By `scn_matrix_sum_duplicates`.
[[nodiscard]] inline sparse sum_duplicates(const matrix_view& matrix, const context& how = {}) {
    return detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** made) {
        return scn_matrix_sum_duplicates(settings, matrix.get(), made);
    });
}

/// The matrix compressed along cells (default) or genes, sorted, without repeats; of a dense one the non-zeros. By
/// `scn_matrix_to_major`.
[[nodiscard]] inline sparse to_major(const matrix_view& matrix, axis major = axis::obs, const context& how = {}) {
    return detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** made) {
        return scn_matrix_to_major(settings, matrix.get(), major, made);
    });
}

/// The cells `obs` and the genes `vars` of a sparse matrix, by their numbers from 0, in that order; `std::nullopt` means all
/// of them. By `scn_matrix_subset`.
[[nodiscard]] inline sparse subset(const matrix_view& matrix, std::optional<span<const std::int64_t>> obs,
                                   std::optional<span<const std::int64_t>> vars, const context& how = {}) {
    return detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** made) {
        return scn_matrix_subset(settings, matrix.get(), obs ? detail::given(*obs) : nullptr, obs ? detail::len(*obs) : 0,
                                 vars ? detail::given(*vars) : nullptr, vars ? detail::len(*vars) : 0, made);
    });
}

/// `subset` by masks, one byte for each cell and each gene, 0 for those that are left out: what `filter_cells` and
/// `filter_genes` return. By `scn_matrix_subset_masked`.
[[nodiscard]] inline sparse subset_masked(const matrix_view& matrix, std::optional<span<const std::uint8_t>> obs,
                                          std::optional<span<const std::uint8_t>> vars, const context& how = {}) {
    return detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** made) {
        return scn_matrix_subset_masked(settings, matrix.get(), obs ? detail::given(*obs) : nullptr, obs ? detail::len(*obs) : 0,
                                        vars ? detail::given(*vars) : nullptr, vars ? detail::len(*vars) : 0, made);
    });
}

/// Matrices one after the other: their cells follow each other (`axis::obs`, the default) or their genes. The values are of
/// the smallest type that holds those of all. By `scn_matrix_concat`.
[[nodiscard]] inline sparse concat(const std::vector<matrix_view>& matrices, axis along = axis::obs, const context& how = {}) {
    std::vector<const ScnMatrix*> pointers;
    pointers.reserve(matrices.size());
    for (const matrix_view& matrix : matrices) {
        pointers.push_back(matrix.get());
    }
    return detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** made) {
        return scn_matrix_concat(settings, pointers.data(), detail::len(pointers), along, made);
    });
}

/// All elements of a matrix, of type T, cells one after the other (`axis::obs`, the default) or genes. By
/// `scn_matrix_to_dense`.
template <class T>
[[nodiscard]] std::vector<T> to_dense(const matrix_view& matrix, axis major = axis::obs, const context& how = {}) {
    std::vector<T> out(detail::elements(matrix.n_obs(), matrix.n_vars()));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_matrix_to_dense(settings, matrix.get(), major, detail::tag<T>(), detail::place(out), detail::len(out));
    });
    return out;
}

/// What `stats` and `aggregate` can compute.
enum class stat { sum, mean, var, count_nonzero, min, max };

/// Statistics along an axis. What was not asked for is empty.
struct statistics {
    std::vector<double> sum;
    std::vector<double> mean;
    /// Divided by the number of lines less `ddof`.
    std::vector<double> var;
    /// Values that are not zero.
    std::vector<std::int64_t> count_nonzero;
    std::vector<double> min;
    std::vector<double> max;
};

namespace detail {

/// Counts that the library gives as doubles.
inline std::vector<std::int64_t> whole(const std::vector<double>& counts) {
    std::vector<std::int64_t> numbers(counts.size());
    std::transform(counts.begin(), counts.end(), numbers.begin(), [](double count) { return static_cast<std::int64_t>(count); });
    return numbers;
}

/// Places for the statistics that are wanted, each of `n` values; the others are null.
struct statistics_places {
    statistics made;
    std::vector<double> nonzeros;
    double *sum, *mean, *var, *count_nonzero, *min, *max;

    statistics_places(choice<stat> which, std::size_t n)
        : sum(place(made.sum, which.has(stat::sum), n)),
          mean(place(made.mean, which.has(stat::mean), n)),
          var(place(made.var, which.has(stat::var), n)),
          count_nonzero(place(nonzeros, which.has(stat::count_nonzero), n)),
          min(place(made.min, which.has(stat::min), n)),
          max(place(made.max, which.has(stat::max), n)) {}

    statistics finish() && {
        made.count_nonzero = whole(nonzeros);
        return std::move(made);
    }

  private:
    static double* place(std::vector<double>& array, bool wanted, std::size_t n) {
        if (wanted) {
            array.resize(n);
        }
        return wanted ? array.data() : nullptr;
    }
};

}  // namespace detail

/// Sums, means, variances, numbers of non-zeros, smallest and largest values over all cells (`axis::obs`, the default: one for
/// each gene) or over all genes. By `scn_matrix_stats`.
[[nodiscard]] inline statistics stats(const matrix_view& matrix, axis over = axis::obs, std::int64_t ddof = 0,
                                      choice<stat> which = choice<stat>::all(), const context& how = {}) {
    const std::int64_t n = over == axis::obs ? matrix.n_vars() : matrix.n_obs();
    detail::statistics_places out(which, detail::elements(n, 1));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_matrix_stats(settings, matrix.get(), over, ddof, out.sum, out.mean, out.var, out.count_nonzero, out.min,
                                out.max, n);
    });
    return std::move(out).finish();
}

/// `stats` of each group of cells (`axis::obs`, the default) or of genes: groups x genes (or x cells), row-major. By
/// `scn_matrix_aggregate`.
[[nodiscard]] inline statistics aggregate(const matrix_view& matrix, const labels& groups, axis over = axis::obs,
                                          std::int64_t ddof = 1, choice<stat> which = choice<stat>::all(),
                                          const context& how = {}) {
    const std::size_t n = detail::elements(groups.n_groups(), over == axis::obs ? matrix.n_vars() : matrix.n_obs());
    detail::statistics_places out(which, n);
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_matrix_aggregate(settings, matrix.get(), over, groups.data(), groups.size(), groups.n_groups(), ddof, out.sum,
                                    out.mean, out.var, out.count_nonzero, out.min, out.max, static_cast<std::int64_t>(n));
    });
    return std::move(out).finish();
}

/// Medians of each group of cells (`axis::obs`, the default) or of genes: groups x genes (or x cells), row-major. By
/// `scn_matrix_medians`.
[[nodiscard]] inline std::vector<double> median(const matrix_view& matrix, const labels& groups, axis over = axis::obs,
                                                const context& how = {}) {
    std::vector<double> out(detail::elements(groups.n_groups(), over == axis::obs ? matrix.n_vars() : matrix.n_obs()));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_matrix_medians(settings, matrix.get(), over, groups.data(), groups.size(), groups.n_groups(),
                                  detail::place(out), detail::len(out));
    });
    return out;
}

/// Medians over all cells (`axis::obs`, the default: one for each gene) or over all genes. By `scn_matrix_medians`.
[[nodiscard]] inline std::vector<double> median(const matrix_view& matrix, axis over = axis::obs, const context& how = {}) {
    const std::vector<std::int32_t> one(detail::elements(over == axis::obs ? matrix.n_obs() : matrix.n_vars(), 1));
    return median(matrix, labels(one, 1), over, how);
}

// ------------------------------------------------------------------------------------------------------------------
// Quality control and filtering
// ------------------------------------------------------------------------------------------------------------------

/// What `calculate_qc_metrics` looks at.
struct qc_options {
    /// Numbers of genes, each from 1 to the number of genes; scanpy's by default.
    std::vector<std::int64_t> percent_top = {50, 100, 200, 500};
    /// Sets of genes as masks: one byte for each gene, 0 if it is not in the set.
    std::vector<std::vector<std::uint8_t>> subsets;
};

/// Quality metrics of cells and genes.
struct qc_metrics {
    /// How many genes of each cell are not zero.
    std::vector<std::int64_t> n_genes_by_counts;
    /// Total of each cell.
    std::vector<double> total_counts;
    /// Entries of `percent_top` x cells: the percentage of a cell's total in so many of its highest genes.
    std::vector<double> pct_counts_in_top;
    /// Subsets x cells: the total of each cell in each subset.
    std::vector<double> subset_counts;
    /// Subsets x cells: and its percentage of the cell's total.
    std::vector<double> subset_pct;
    /// In how many cells each gene is not zero.
    std::vector<std::int64_t> n_cells_by_counts;
    /// Total of each gene.
    std::vector<double> total_counts_of_genes;
    /// Mean of each gene.
    std::vector<double> mean_counts;
    /// Percentage of the cells in which each gene is zero.
    std::vector<double> pct_dropout;
};

/// Quality metrics of cells and genes, in one pass over the values. By `scn_pp_calculate_qc_metrics`.
///
/// Throws `SCN_ERR_SHAPE` also for a subset of another length than the number of genes.
[[nodiscard]] inline qc_metrics calculate_qc_metrics(const matrix_view& matrix, const qc_options& options = {},
                                                     const context& how = {}) {
    const std::int64_t n_obs = matrix.n_obs(), n_vars = matrix.n_vars();
    const std::int64_t n_tops = detail::len(options.percent_top), n_subsets = detail::len(options.subsets);
    std::vector<std::uint8_t> masks;
    for (const auto& subset : options.subsets) {
        detail::check_length("subsets", subset.size(), n_vars);
        masks.insert(masks.end(), subset.begin(), subset.end());
    }
    const std::size_t cells = detail::elements(n_obs, 1), genes = detail::elements(n_vars, 1);
    std::vector<double> n_genes(cells), n_cells(genes);
    qc_metrics made;
    made.total_counts.resize(cells);
    made.pct_counts_in_top.resize(detail::elements(n_tops, n_obs));
    made.subset_counts.resize(detail::elements(n_subsets, n_obs));
    made.subset_pct.resize(detail::elements(n_subsets, n_obs));
    made.total_counts_of_genes.resize(genes);
    made.mean_counts.resize(genes);
    made.pct_dropout.resize(genes);
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_calculate_qc_metrics(
            settings, matrix.get(), options.percent_top.data(), n_tops, masks.data(), n_subsets, detail::place(n_genes),
            detail::len(n_genes), detail::place(made.total_counts), detail::len(made.total_counts),
            detail::place(made.pct_counts_in_top), detail::len(made.pct_counts_in_top), detail::place(made.subset_counts),
            detail::len(made.subset_counts), detail::place(made.subset_pct), detail::len(made.subset_pct), detail::place(n_cells),
            detail::len(n_cells), detail::place(made.total_counts_of_genes), detail::len(made.total_counts_of_genes),
            detail::place(made.mean_counts), detail::len(made.mean_counts), detail::place(made.pct_dropout),
            detail::len(made.pct_dropout));
    });
    made.n_genes_by_counts = detail::whole(n_genes);
    made.n_cells_by_counts = detail::whole(n_cells);
    return made;
}

/// Which cells (or genes) pass, and the numbers that were compared.
struct kept {
    /// 1 for those that pass, else 0: a mask for `subset_masked`.
    std::vector<std::uint8_t> keep;
    /// Total of each, or its number of positive values.
    std::vector<double> number;
};

/// What `filter_cells` compares: set exactly one. Bounds are inclusive.
struct cell_threshold {
    /// Bounds of the total of a cell.
    std::optional<double> min_counts = std::nullopt, max_counts = std::nullopt;
    /// Bounds of the number of genes that are positive in a cell.
    std::optional<double> min_genes = std::nullopt, max_genes = std::nullopt;
};

/// What `filter_genes` compares: set exactly one. Bounds are inclusive.
struct gene_threshold {
    /// Bounds of the total of a gene.
    std::optional<double> min_counts = std::nullopt, max_counts = std::nullopt;
    /// Bounds of the number of cells in which a gene is positive.
    std::optional<double> min_cells = std::nullopt, max_cells = std::nullopt;
};

namespace detail {

inline double or_nan(std::optional<double> bound) { return bound.value_or(std::numeric_limits<double>::quiet_NaN()); }

}  // namespace detail

/// Which cells have enough, or not too many, counts or genes. By `scn_pp_filter_cells`.
[[nodiscard]] inline kept filter_cells(const matrix_view& matrix, const cell_threshold& threshold, const context& how = {}) {
    kept made{std::vector<std::uint8_t>(detail::elements(matrix.n_obs(), 1)),
              std::vector<double>(detail::elements(matrix.n_obs(), 1))};
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_filter_cells(settings, matrix.get(), detail::or_nan(threshold.min_counts),
                                   detail::or_nan(threshold.min_genes), detail::or_nan(threshold.max_counts),
                                   detail::or_nan(threshold.max_genes), detail::place(made.keep), detail::len(made.keep),
                                   detail::place(made.number), detail::len(made.number));
    });
    return made;
}

/// Which genes have enough, or not too many, counts or cells. By `scn_pp_filter_genes`.
[[nodiscard]] inline kept filter_genes(const matrix_view& matrix, const gene_threshold& threshold, const context& how = {}) {
    kept made{std::vector<std::uint8_t>(detail::elements(matrix.n_vars(), 1)),
              std::vector<double>(detail::elements(matrix.n_vars(), 1))};
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_filter_genes(settings, matrix.get(), detail::or_nan(threshold.min_counts),
                                   detail::or_nan(threshold.min_cells), detail::or_nan(threshold.max_counts),
                                   detail::or_nan(threshold.max_cells), detail::place(made.keep), detail::len(made.keep),
                                   detail::place(made.number), detail::len(made.number));
    });
    return made;
}

// ------------------------------------------------------------------------------------------------------------------
// Normalisation and scaling
// ------------------------------------------------------------------------------------------------------------------

/// What cells were divided by.
struct size_factors {
    /// Total over target of each cell; 0 for a cell without counts, which stays as it is.
    std::vector<double> factors;
    /// The total that each cell got.
    double target_sum = 0;
    /// 1 for the genes that did not count towards the totals, else 0.
    std::vector<std::uint8_t> highly_expressed;
};

/// Normalised values and what they were divided by.
template <class T>
struct normalized : size_factors {
    /// As many as the matrix stores, in its order: `matrix.with_values(result.values)` is the normalised matrix.
    std::vector<T> values;
};

namespace detail {

inline void prepare(size_factors& made, const matrix_view& matrix) {
    made.factors.resize(elements(matrix.n_obs(), 1));
    made.highly_expressed.resize(elements(matrix.n_vars(), 1));
}

template <class T, class Function>
normalized<T> normalize(Function* function, const matrix_view& matrix, const ScnNormalizeTotalOptions& options,
                        const context& how) {
    static_assert(is_float<T>, "values are normalised to float or double");
    normalized<T> made;
    prepare(made, matrix);
    made.values.resize(elements(matrix.nnz(), 1));
    invoke(how, [&](const ScnContext* settings) {
        return function(settings, matrix.get(), &options, place(made.values), tag<T>(), len(made.values), place(made.factors),
                        len(made.factors), place(made.highly_expressed), len(made.highly_expressed), &made.target_sum);
    });
    return made;
}

template <class Function>
size_factors normalize_inplace(Function* function, const mutable_matrix_view& matrix, const ScnNormalizeTotalOptions& options,
                               const context& how) {
    size_factors made;
    prepare(made, matrix);
    invoke(how, [&](const ScnContext* settings) {
        return function(settings, matrix.get(), &options, place(made.factors), len(made.factors), place(made.highly_expressed),
                        len(made.highly_expressed), &made.target_sum);
    });
    return made;
}

/// New values of type T for what a matrix stores, made by a call.
template <class T, class Call>
std::vector<T> new_values(const matrix_view& matrix, const context& how, Call&& call) {
    static_assert(is_float<T>, "values are computed as float or double");
    std::vector<T> values(elements(matrix.nnz(), 1));
    invoke(how, [&](const ScnContext* settings) { return call(settings, place(values), tag<T>(), len(values)); });
    return values;
}

}  // namespace detail

/// Divides the values of each cell by its total over the target, as T (float or double). By `scn_pp_normalize_total`.
template <class T>
[[nodiscard]] normalized<T> normalize_total(const matrix_view& matrix, const normalize_total_options& options = {},
                                            const context& how = {}) {
    return detail::normalize<T>(scn_pp_normalize_total, matrix, options, how);
}

/// `normalize_total` of the matrix' own values, which must be float or double: all are changed, or none. By
/// `scn_pp_normalize_total_inplace`.
inline size_factors normalize_total_inplace(const mutable_matrix_view& matrix, const normalize_total_options& options = {},
                                            const context& how = {}) {
    return detail::normalize_inplace(scn_pp_normalize_total_inplace, matrix, options, how);
}

/// `normalize_total` and `log1p` in one pass, to the same bits. By `scn_pp_normalize_log1p`.
template <class T>
[[nodiscard]] normalized<T> normalize_log1p(const matrix_view& matrix, const normalize_total_options& options = {},
                                            const context& how = {}) {
    return detail::normalize<T>(scn_pp_normalize_log1p, matrix, options, how);
}

/// `normalize_log1p` of the matrix' own values, which must be float or double: all are changed, or none. By
/// `scn_pp_normalize_log1p_inplace`.
inline size_factors normalize_log1p_inplace(const mutable_matrix_view& matrix, const normalize_total_options& options = {},
                                            const context& how = {}) {
    return detail::normalize_inplace(scn_pp_normalize_log1p_inplace, matrix, options, how);
}

/// log(1 + x) of each stored value, as T (float or double), to the given base (0 is e). `matrix.with_values` of the result is
/// the matrix. By `scn_pp_log1p`.
template <class T>
[[nodiscard]] std::vector<T> log1p(const matrix_view& matrix, double base = 0, const context& how = {}) {
    return detail::new_values<T>(matrix, how, [&](const ScnContext* settings, T* values, std::int32_t type, std::int64_t n) {
        return scn_pp_log1p(settings, matrix.get(), base, values, type, n);
    });
}

/// `log1p` of the matrix' own values, which must be float or double: all are changed, or none. By `scn_pp_log1p_inplace`.
inline void log1p_inplace(const mutable_matrix_view& matrix, double base = 0, const context& how = {}) {
    detail::invoke(how, [&](const ScnContext* settings) { return scn_pp_log1p_inplace(settings, matrix.get(), base); });
}

/// Seurat's relative counts: each value over the total of its cell, times `scale_factor`, as T (float or double). By
/// `scn_pp_normalize_relative`.
template <class T>
[[nodiscard]] std::vector<T> normalize_relative(const matrix_view& matrix, double scale_factor = 1e4, const context& how = {}) {
    return detail::new_values<T>(matrix, how, [&](const ScnContext* settings, T* values, std::int32_t type, std::int64_t n) {
        return scn_pp_normalize_relative(settings, matrix.get(), scale_factor, values, type, n);
    });
}

/// `normalize_relative` of the matrix' own values, which must be float or double: all are changed, or none. By
/// `scn_pp_normalize_relative_inplace`.
inline void normalize_relative_inplace(const mutable_matrix_view& matrix, double scale_factor = 1e4, const context& how = {}) {
    detail::invoke(
        how, [&](const ScnContext* settings) { return scn_pp_normalize_relative_inplace(settings, matrix.get(), scale_factor); });
}

/// Seurat's centred log ratio over the values of each gene (`axis::var`, Seurat's margin 1, the default) or of each cell
/// (`axis::obs`, margin 2), as T (float or double). By `scn_pp_normalize_clr`.
template <class T>
[[nodiscard]] std::vector<T> normalize_clr(const matrix_view& matrix, axis of = axis::var, const context& how = {}) {
    return detail::new_values<T>(matrix, how, [&](const ScnContext* settings, T* values, std::int32_t type, std::int64_t n) {
        return scn_pp_normalize_clr(settings, matrix.get(), of, values, type, n);
    });
}

/// `normalize_clr` of the matrix' own values, which must be float or double: all are changed, or none. By
/// `scn_pp_normalize_clr_inplace`.
inline void normalize_clr_inplace(const mutable_matrix_view& matrix, axis of = axis::var, const context& how = {}) {
    detail::invoke(how, [&](const ScnContext* settings) { return scn_pp_normalize_clr_inplace(settings, matrix.get(), of); });
}

/// What genes were scaled by: groups x genes, row-major; one row without groups.
struct moments {
    /// Means.
    std::vector<double> means;
    /// Standard deviations, with n - 1; 1 for a gene that does not vary.
    std::vector<double> stds;
};

/// A scaled matrix and what it was scaled by.
template <class T>
struct scaled : moments {
    /// All values, lines along `out_major`: `dense(n_obs, n_vars, result.values, out_major)` is the matrix.
    std::vector<T> values;
};

namespace detail {

/// The number of groups that moments are of: without groups all cells are one.
inline std::int64_t group_count(const labels& groups) { return groups ? groups.n_groups() : 1; }

inline void prepare(moments& made, const matrix_view& matrix, const labels& groups) {
    made.means.resize(elements(group_count(groups), matrix.n_vars()));
    made.stds.resize(made.means.size());
}

}  // namespace detail

/// Scales each gene to variance 1 and, unless `zero_center` is 0, to mean 0, into a dense matrix of T (float or double). With
/// `groups`, each group of cells by its own moments; cells in none stay. By `scn_pp_scale`.
template <class T>
[[nodiscard]] scaled<T> scale(const matrix_view& matrix, const scale_options& options = {}, const labels& groups = {},
                              axis out_major = axis::obs, const context& how = {}) {
    static_assert(detail::is_float<T>, "values are scaled to float or double");
    scaled<T> made;
    detail::prepare(made, matrix, groups);
    made.values.resize(detail::elements(matrix.n_obs(), matrix.n_vars()));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_scale(settings, matrix.get(), groups.data(), groups.size(), detail::group_count(groups), &options,
                            detail::place(made.means), detail::len(made.means), detail::place(made.stds), detail::len(made.stds),
                            out_major, detail::tag<T>(), detail::place(made.values), detail::len(made.values));
    });
    return made;
}

/// `scale` of the matrix' own values, float or double: of a dense matrix, or of a sparse one with `zero_center` 0. By
/// `scn_pp_scale_inplace`.
inline moments scale_inplace(const mutable_matrix_view& matrix, const scale_options& options = {}, const labels& groups = {},
                             const context& how = {}) {
    moments made;
    detail::prepare(made, matrix, groups);
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_scale_inplace(settings, matrix.get(), groups.data(), groups.size(), detail::group_count(groups), &options,
                                    detail::place(made.means), detail::len(made.means), detail::place(made.stds),
                                    detail::len(made.stds));
    });
    return made;
}

/// The residuals of each gene after a linear regression on `n_covariates` covariates (one after the other, a value for each
/// cell) and a constant: cells x genes of T (float or double), cell after cell. By `scn_pp_regress_out`.
template <class T>
[[nodiscard]] std::vector<T> regress_out(const matrix_view& matrix, span<const double> covariates, std::int64_t n_covariates = 1,
                                         const context& how = {}) {
    static_assert(detail::is_float<T>, "residuals are float or double");
    std::vector<T> out(detail::elements(matrix.n_obs(), matrix.n_vars()));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_regress_out(settings, matrix.get(), covariates.data(), detail::len(covariates), n_covariates,
                                  detail::tag<T>(), detail::place(out), detail::len(out));
    });
    return out;
}

/// Each gene less its mean in the cell's group; every cell must be in one. Otherwise as `regress_out`. By
/// `scn_pp_regress_out_groups`.
template <class T>
[[nodiscard]] std::vector<T> regress_out_groups(const matrix_view& matrix, const labels& groups, const context& how = {}) {
    static_assert(detail::is_float<T>, "residuals are float or double");
    std::vector<T> out(detail::elements(matrix.n_obs(), matrix.n_vars()));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_regress_out_groups(settings, matrix.get(), groups.data(), groups.size(), groups.n_groups(),
                                         detail::tag<T>(), detail::place(out), detail::len(out));
    });
    return out;
}

// ------------------------------------------------------------------------------------------------------------------
// Highly variable genes
// ------------------------------------------------------------------------------------------------------------------

/// One value for each gene; NaN (in `mean_bin` -1) where the flavor does not have it. See `ScnHighlyVariableGenesOutputs`.
struct variable_genes {
    /// 1 for the chosen genes, else 0.
    std::vector<std::uint8_t> highly_variable;
    /// Mean over cells.
    std::vector<double> means;
    /// Variance over mean.
    std::vector<double> dispersions;
    /// Dispersions in units of the spread within the gene's bin.
    std::vector<double> dispersions_norm;
    /// Variance over all cells.
    std::vector<double> variances;
    /// Variance after standardisation, mean over batches.
    std::vector<double> variances_norm;
    /// Variance of Pearson residuals, mean over batches.
    std::vector<double> residual_variances;
    /// Rank from 0, median over batches; NaN if the gene is not among the top of any.
    std::vector<double> highly_variable_rank;
    /// In how many batches the gene was chosen; without batches 0 or 1.
    std::vector<std::int64_t> highly_variable_nbatches;
    /// 1 if that is all of them, else 0.
    std::vector<std::uint8_t> highly_variable_intersection;
    /// The gene's bin.
    std::vector<std::int32_t> mean_bin;
    /// Where bins end, open below and closed above.
    std::vector<double> bin_edges;
    /// The variance that the curve expects at the gene's mean.
    std::vector<double> variances_expected;
};

/// Finds the genes that vary more between cells than genes of their expression usually do; with `batches`, in each batch by
/// itself. `name_order` is each gene's place in the order that settles ties; empty for the matrix' own. By
/// `scn_pp_highly_variable_genes`.
[[nodiscard]] inline variable_genes highly_variable_genes(const matrix_view& matrix,
                                                          const highly_variable_genes_options& options = {},
                                                          const labels& batches = {}, span<const std::int64_t> name_order = {},
                                                          const context& how = {}) {
    const std::size_t n = detail::elements(matrix.n_vars(), 1);
    variable_genes made;
    ScnHighlyVariableGenesOutputs places;
    detail::init(places, scn_highly_variable_genes_outputs_init);
    const auto place = [n](auto& array) {
        array.resize(n);
        return array.data();
    };
    places.n_vars = matrix.n_vars();
    places.highly_variable = place(made.highly_variable);
    places.means = place(made.means);
    places.dispersions = place(made.dispersions);
    places.dispersions_norm = place(made.dispersions_norm);
    places.variances = place(made.variances);
    places.variances_norm = place(made.variances_norm);
    places.residual_variances = place(made.residual_variances);
    places.highly_variable_rank = place(made.highly_variable_rank);
    places.highly_variable_nbatches = place(made.highly_variable_nbatches);
    places.highly_variable_intersection = place(made.highly_variable_intersection);
    places.mean_bin = place(made.mean_bin);
    places.variances_expected = place(made.variances_expected);
    const bool dispersions = options.flavor == SCN_HVG_MEAN_VAR_PLOT || options.flavor == SCN_HVG_DISPERSION;
    const bool ends = dispersions && options.binning == SCN_HVG_BINS_EQUAL_FREQUENCY;
    const std::int64_t edges = options.flavor == SCN_HVG_CELL_RANGER ? 21 : std::int64_t{options.n_bins} + (ends ? 0 : 1);
    made.bin_edges.resize(detail::elements(edges, 1));
    places.bin_edges = made.bin_edges.data();
    places.bin_edges_len = detail::len(made.bin_edges);
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_pp_highly_variable_genes(settings, matrix.get(), batches.data(), batches.size(), batches.n_groups(),
                                            detail::none_if_empty(name_order), detail::len(name_order), &options, &places);
    });
    return made;
}

// ------------------------------------------------------------------------------------------------------------------
// Differential expression
// ------------------------------------------------------------------------------------------------------------------

/// What `rank_genes_groups` can compute: the fields of `ranked_genes`.
enum class ranking {
    scores,
    pvals,
    ln_pvals,
    pvals_adj,
    log_fold_changes,
    u,
    auroc,
    means,
    means_reference,
    fractions,
    fractions_reference
};

/// Comparisons of groups, each array groups x genes, row-major. What was not asked for is empty. In the row of a reference
/// group, all that compares is NaN.
struct ranked_genes {
    /// z (Wilcoxon) or t; positive where the group's values are the greater.
    std::vector<double> scores;
    /// Two-sided p-values.
    std::vector<double> pvals;
    /// Their natural logarithms, also where the p-value is below the least double.
    std::vector<double> ln_pvals;
    /// Corrected for the number of genes.
    std::vector<double> pvals_adj;
    std::vector<double> log_fold_changes;
    /// Mann and Whitney's U (Wilcoxon only).
    std::vector<double> u;
    /// Area under the ROC curve (Wilcoxon only).
    std::vector<double> auroc;
    std::vector<double> means;
    /// Means of the other side: the rest, or the reference group.
    std::vector<double> means_reference;
    /// Part of the cells whose value is not zero.
    std::vector<double> fractions;
    std::vector<double> fractions_reference;
};

/// Compares each group of cells with all others, or with one group, gene by gene; `which` says what is wanted. By
/// `scn_tl_rank_genes_groups`.
[[nodiscard]] inline ranked_genes rank_genes_groups(const matrix_view& matrix, const labels& groups,
                                                    const rank_genes_groups_options& options = {},
                                                    choice<ranking> which = {ranking::scores, ranking::pvals, ranking::pvals_adj,
                                                                             ranking::log_fold_changes},
                                                    const context& how = {}) {
    const std::size_t n = detail::elements(groups.n_groups(), matrix.n_vars());
    ranked_genes made;
    ScnRankGenesGroupsOutputs places;
    detail::init(places, scn_rank_genes_groups_outputs_init);
    const auto place = [&](std::vector<double>& array, ranking what) {
        array.resize(which.has(what) ? n : 0);
        return which.has(what) ? array.data() : nullptr;
    };
    places.len = static_cast<std::int64_t>(n);
    places.scores = place(made.scores, ranking::scores);
    places.pvals = place(made.pvals, ranking::pvals);
    places.ln_pvals = place(made.ln_pvals, ranking::ln_pvals);
    places.pvals_adj = place(made.pvals_adj, ranking::pvals_adj);
    places.log_fold_changes = place(made.log_fold_changes, ranking::log_fold_changes);
    places.u = place(made.u, ranking::u);
    places.auroc = place(made.auroc, ranking::auroc);
    places.means = place(made.means, ranking::means);
    places.means_reference = place(made.means_reference, ranking::means_reference);
    places.fractions = place(made.fractions, ranking::fractions);
    places.fractions_reference = place(made.fractions_reference, ranking::fractions_reference);
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_tl_rank_genes_groups(settings, matrix.get(), groups.data(), groups.size(), groups.n_groups(), &options,
                                        &places);
    });
    return made;
}

/// The genes of each group in the order of their scores (groups x genes, row-major), the highest first: groups x `n_top` gene
/// numbers, row-major. All genes by default. By `scn_tl_rank_genes_groups_order`.
[[nodiscard]] inline std::vector<std::int64_t> rank_order(span<const double> scores, std::int64_t n_groups, std::int64_t n_vars,
                                                          std::optional<std::int64_t> n_top = std::nullopt, bool by_abs = false,
                                                          const context& how = {}) {
    const std::int64_t top = n_top.value_or(n_vars);
    std::vector<std::int64_t> order(detail::elements(n_groups, top));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_tl_rank_genes_groups_order(settings, scores.data(), detail::len(scores), n_groups, n_vars, top, by_abs ? 1 : 0,
                                              detail::place(order), detail::len(order));
    });
    return order;
}

// ------------------------------------------------------------------------------------------------------------------
// Gene sets
// ------------------------------------------------------------------------------------------------------------------

/// Chooses control genes for a gene set, genes of like expression, from `gene_pool` (`std::nullopt`: all genes); numbers of
/// genes, ascending. There may be none. By `scn_tl_control_genes`.
[[nodiscard]] inline std::vector<std::int64_t> control_genes(const matrix_view& matrix, span<const std::int64_t> gene_list,
                                                             const control_genes_options& options = {},
                                                             std::optional<span<const std::int64_t>> gene_pool = std::nullopt,
                                                             const context& how = {}) {
    std::vector<std::uint8_t> is_control(detail::elements(matrix.n_vars(), 1));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_tl_control_genes(settings, matrix.get(), gene_list.data(), detail::len(gene_list),
                                    gene_pool ? detail::given(*gene_pool) : nullptr, gene_pool ? detail::len(*gene_pool) : 0,
                                    &options, detail::place(is_control), detail::len(is_control));
    });
    std::vector<std::int64_t> genes;
    for (std::size_t gene = 0; gene < is_control.size(); ++gene) {
        if (is_control[gene] != 0) {
            genes.push_back(static_cast<std::int64_t>(gene));
        }
    }
    return genes;
}

/// Scores each cell by a gene set: its mean over the genes of the set less its mean over the control genes. By
/// `scn_tl_score_genes`.
[[nodiscard]] inline std::vector<double> score_genes(const matrix_view& matrix, span<const std::int64_t> gene_list,
                                                     span<const std::int64_t> control, const context& how = {}) {
    std::vector<double> score(detail::elements(matrix.n_obs(), 1));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_tl_score_genes(settings, matrix.get(), gene_list.data(), detail::len(gene_list), control.data(),
                                  detail::len(control), detail::place(score), detail::len(score));
    });
    return score;
}

/// Each cell's phase: G1 if both scores are negative, else G2M if that score is the higher one, else S. By
/// `scn_tl_cell_cycle_phase`.
///
/// Throws `SCN_ERR_SHAPE` unless there are as many scores of one as of the other.
[[nodiscard]] inline std::vector<phase> cell_cycle_phase(span<const double> s_score, span<const double> g2m_score) {
    detail::check_length("g2m_score", g2m_score.size(), detail::len(s_score));
    std::vector<std::int32_t> codes(s_score.size());
    detail::check(scn_tl_cell_cycle_phase(s_score.data(), g2m_score.data(), detail::len(s_score), detail::place(codes),
                                          detail::len(codes)));
    std::vector<phase> phases(codes.size());
    std::transform(codes.begin(), codes.end(), phases.begin(), [](std::int32_t code) { return static_cast<phase>(code); });
    return phases;
}

// ------------------------------------------------------------------------------------------------------------------
// Distances between groups
// ------------------------------------------------------------------------------------------------------------------

/// The energy distance between groups of cells: groups x groups, row-major, or one for each group if there is a `reference`
/// group. By `scn_tl_energy_distance`; the defaults are scPerturb's.
[[nodiscard]] inline std::vector<double> energy_distance(const matrix_view& matrix, const labels& groups,
                                                         metric distance = metric::sqeuclidean, bool unbiased = true,
                                                         std::optional<std::int64_t> reference = std::nullopt,
                                                         const context& how = {}) {
    std::vector<double> out(detail::elements(groups.n_groups(), reference ? 1 : groups.n_groups()));
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_tl_energy_distance(settings, matrix.get(), groups.data(), groups.size(), groups.n_groups(),
                                      reference.value_or(-1), distance, unbiased ? 1 : 0, detail::place(out), detail::len(out));
    });
    return out;
}

/// Squared maximum mean discrepancies, and the kernel's widths.
struct mmd_result {
    /// Groups x groups, row-major, or one for each group if there is a reference group.
    std::vector<double> squared;
    /// The gammas that were used.
    std::vector<double> gammas;
};

/// The squared maximum mean discrepancy between groups of cells, with the mean of Gaussian kernels of the given `gammas`; of
/// none, one by the median heuristic. By `scn_tl_mmd`; the defaults are pertpy's.
[[nodiscard]] inline mmd_result mmd(const matrix_view& matrix, const labels& groups, span<const double> gammas = {},
                                    bool unbiased = false, std::optional<std::int64_t> reference = std::nullopt,
                                    const context& how = {}) {
    mmd_result made{std::vector<double>(detail::elements(groups.n_groups(), reference ? 1 : groups.n_groups())),
                    std::vector<double>(std::max<std::size_t>(gammas.size(), 1))};
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_tl_mmd(settings, matrix.get(), groups.data(), groups.size(), groups.n_groups(), reference.value_or(-1),
                          detail::none_if_empty(gammas), detail::len(gammas), unbiased ? 1 : 0, detail::place(made.squared),
                          detail::len(made.squared), detail::place(made.gammas), detail::len(made.gammas));
    });
    return made;
}

// ------------------------------------------------------------------------------------------------------------------
// Simulated counts
// ------------------------------------------------------------------------------------------------------------------

/// Counts and the truth behind them.
struct simulated_counts {
    /// Cells x genes.
    sparse counts;
    /// Cluster of each cell.
    std::vector<std::int32_t> clusters;
    /// Batch of each cell.
    std::vector<std::int32_t> batches;
    /// Cluster that each gene marks, or -1.
    std::vector<std::int32_t> marker_of;
};

/// Draws a count matrix whose clusters, markers, batches and library sizes are known, by the seed of `how`. By
/// `scn_simulate_counts`.
[[nodiscard]] inline simulated_counts simulate_counts(std::int64_t n_obs = 2000, std::int64_t n_vars = 2000,
                                                      const simulate_options& options = {}, const context& how = {}) {
    simulated_counts made;
    made.clusters.resize(detail::elements(n_obs, 1));
    made.batches.resize(detail::elements(n_obs, 1));
    made.marker_of.resize(detail::elements(n_vars, 1));
    made.counts = detail::make_sparse(how, [&](const ScnContext* settings, ScnSparse** counts) {
        return scn_simulate_counts(settings, n_obs, n_vars, &options, counts, detail::place(made.clusters),
                                   detail::len(made.clusters), detail::place(made.batches), detail::len(made.batches),
                                   detail::place(made.marker_of), detail::len(made.marker_of));
    });
    return made;
}

// ------------------------------------------------------------------------------------------------------------------
// Statistics
// ------------------------------------------------------------------------------------------------------------------

/// Two-sided p-values of standard normal scores, or their natural logarithms. By `scn_stats_normal_p`.
[[nodiscard]] inline std::vector<double> normal_p(span<const double> z, bool logarithm = false) {
    std::vector<double> p(z.size());
    detail::check_abi();
    detail::check(scn_stats_normal_p(z.data(), detail::len(z), logarithm ? 1 : 0, detail::place(p), detail::len(p)));
    return p;
}

/// Two-sided p-values of Student's t, each with its own degrees of freedom, or their natural logarithms. By
/// `scn_stats_student_p`.
[[nodiscard]] inline std::vector<double> student_p(span<const double> t, span<const double> df, bool logarithm = false) {
    std::vector<double> p(t.size());
    detail::check_abi();
    detail::check(scn_stats_student_p(t.data(), detail::len(t), df.data(), detail::len(df), logarithm ? 1 : 0, detail::place(p),
                                      detail::len(p)));
    return p;
}

/// p-values corrected for the number of tests; NaN stays and counts as no test. By `scn_stats_adjust_p`.
[[nodiscard]] inline std::vector<double> adjust_p(span<const double> pvals,
                                                  corr_method correction = corr_method::benjamini_hochberg) {
    std::vector<double> adjusted(pvals.size());
    detail::check_abi();
    detail::check(
        scn_stats_adjust_p(pvals.data(), detail::len(pvals), correction, detail::place(adjusted), detail::len(adjusted)));
    return adjusted;
}

/// Smooths y over x by Cleveland's local regression: the curve at each x, or, if there are any, at each of `new_x` (NaN outside
/// the range of x). `weights` are case weights; empty for 1 each. By `scn_stats_loess`.
[[nodiscard]] inline std::vector<double> loess(span<const double> x, span<const double> y, const loess_options& options = {},
                                               span<const double> weights = {},
                                               std::optional<span<const double>> new_x = std::nullopt, const context& how = {}) {
    std::vector<double> curve(new_x ? new_x->size() : x.size());
    detail::invoke(how, [&](const ScnContext* settings) {
        return scn_stats_loess(settings, x.data(), detail::len(x), y.data(), detail::len(y), detail::none_if_empty(weights),
                               detail::len(weights), &options, new_x ? new_x->data() : nullptr, new_x ? detail::len(*new_x) : 0,
                               new_x ? nullptr : detail::place(curve), new_x ? 0 : detail::len(curve),
                               new_x ? detail::place(curve) : nullptr, new_x ? detail::len(curve) : 0);
    });
    return curve;
}

// ------------------------------------------------------------------------------------------------------------------
// Models
// ------------------------------------------------------------------------------------------------------------------

namespace detail {

struct free_text {
    void operator()(ScnText* text) const noexcept { scn_text_free(text); }
};
using owned_text = std::unique_ptr<ScnText, free_text>;

inline std::string copy_of(const owned_text& text) {
    std::size_t needed = 0;
    check(scn_text_copy(text.get(), nullptr, 0, &needed));
    std::string copy(needed, '\0');
    check(scn_text_copy(text.get(), copy.data(), copy.size(), nullptr));
    copy.resize(needed > 0 ? needed - 1 : 0);
    return copy;
}

/// The text that a call makes. It is owned before anything is thrown.
template <class Call>
std::string make_text(Call&& call) {
    check_abi();
    ScnText* raw = nullptr;
    const ScnStatus status = call(&raw);
    const owned_text text(raw);
    check(status);
    return copy_of(text);
}

/// The text that a call with a context makes.
template <class Call>
std::string make_text(const context& how, Call&& call) {
    owned_text text;
    invoke(how, [&](const ScnContext* settings) {
        ScnText* raw = nullptr;
        const ScnStatus status = call(settings, &raw);
        text.reset(raw);
        return status;
    });
    return copy_of(text);
}

/// A code point as UTF-8.
inline void append_utf8(std::string& text, std::uint32_t code) {
    const auto byte = [&](std::uint32_t bits) { text += static_cast<char>(static_cast<unsigned char>(bits)); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | code >> 6);
        byte(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        byte(0xE0 | code >> 12);
        byte(0x80 | (code >> 6 & 0x3F));
        byte(0x80 | (code & 0x3F));
    } else {
        byte(0xF0 | code >> 18);
        byte(0x80 | (code >> 12 & 0x3F));
        byte(0x80 | (code >> 6 & 0x3F));
        byte(0x80 | (code & 0x3F));
    }
}

/// The texts of a JSON array that has nothing but texts.
inline std::vector<std::string> texts_of(const std::string& json) {
    std::vector<std::string> texts;
    const auto unit = [&](std::size_t at) {  // the 16 bits of an escape, whose four digits begin there
        return static_cast<std::uint32_t>(std::stoul(json.substr(at, 4), nullptr, 16));
    };
    for (std::size_t i = json.find('"'); i != std::string::npos; i = json.find('"', i + 1)) {
        std::string text;
        for (++i; i < json.size() && json[i] != '"'; ++i) {
            if (json[i] != '\\') {
                text += json[i];
                continue;
            }
            const char escape = json.at(++i);
            if (escape == 'u') {
                std::uint32_t code = unit(i + 1);
                i += 4;
                if (code >= 0xD800 && code < 0xDC00) {
                    code = 0x10000 + ((code - 0xD800) << 10) + (unit(i + 3) - 0xDC00);
                    i += 6;
                }
                append_utf8(text, code);
            } else {
                const std::string_view letters = "bfnrt", meant = "\b\f\n\r\t";
                const std::size_t which = letters.find(escape);
                text += which == std::string_view::npos ? escape : meant[which];
            }
        }
        texts.push_back(std::move(text));
    }
    return texts;
}

/// Names as the C ABI takes them: each with a newline behind it.
inline std::string lines_of(const std::vector<std::string>& names) {
    std::string lines;
    for (const std::string& name : names) {
        if (name.find('\n') != std::string::npos) {
            throw error(SCN_ERR_INVALID_ARGUMENT, "genes: has \"" + name + "\", must have no newlines");
        }
        lines += name;
        lines += '\n';
    }
    return lines;
}

}  // namespace detail

/// The registry of models, and the cache of their files. Cards and reports are JSON texts, and so are options (an object; empty
/// for none): scnative.h, at the function that the description names, says what is in them.
namespace models {

/// The cards of all models, an array. By `scn_models_list`.
[[nodiscard]] inline std::string list() {
    return detail::make_text([](ScnText** made) { return scn_models_list(made); });
}

/// One model's card, by its id or an alias. By `scn_models_info`.
[[nodiscard]] inline std::string info(const std::string& name) {
    return detail::make_text([&](ScnText** made) { return scn_models_info(name.c_str(), made); });
}

/// Adds a card to the registry of this process. By `scn_models_register`.
inline void register_card(const std::string& card) {
    detail::check_abi();
    detail::check(scn_models_register(card.c_str()));
}

/// Takes a card that was registered in this process out again. By `scn_models_unregister`.
inline void unregister_card(const std::string& id) {
    detail::check_abi();
    detail::check(scn_models_unregister(id.c_str()));
}

/// Downloads a model's files into the cache, checks them, and says where they are. By `scn_models_download`.
inline std::string download(const std::string& name, const std::string& options = {}, const context& how = {}) {
    return detail::make_text(how, [&](const ScnContext* settings, ScnText** made) {
        return scn_models_download(settings, name.c_str(), options.c_str(), made);
    });
}

/// What is in the cache. By `scn_models_cache`.
[[nodiscard]] inline std::string cache(const std::string& options = {}) {
    return detail::make_text([&](ScnText** made) { return scn_models_cache(options.c_str(), made); });
}

/// Removes a model from the cache, and says what was freed. By `scn_models_remove`.
inline std::string remove(const std::string& name, const std::string& options = {}) {
    return detail::make_text([&](ScnText** made) { return scn_models_remove(name.c_str(), options.c_str(), made); });
}

/// Removes from the cache what nothing needs, and says what was freed. By `scn_models_prune`.
inline std::string prune(const std::string& options = {}) {
    return detail::make_text([&](ScnText** made) { return scn_models_prune(options.c_str(), made); });
}

/// Reads a model's files in the cache again, and says which are what they must be. By `scn_models_verify`.
inline std::string verify(const std::string& name, const std::string& options = {}, const context& how = {}) {
    return detail::make_text(how, [&](const ScnContext* settings, ScnText** made) {
        return scn_models_verify(settings, name.c_str(), options.c_str(), made);
    });
}

}  // namespace models

/// One of the arrays of `tensors`, borrowed: its elements follow each other, the last axis fastest.
class tensor {
  public:
    /// Of the C struct, which must have been set up by `scn_tensor_init`.
    explicit tensor(const ScnTensor& raw) noexcept : raw_(raw) {}

    /// The length of each axis; none for a single number.
    [[nodiscard]] span<const std::int64_t> shape() const noexcept { return {raw_.shape, static_cast<std::size_t>(raw_.n_dims)}; }
    /// How many elements there are.
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t n = 1;
        for (std::int64_t length : shape()) {
            n *= static_cast<std::size_t>(length);
        }
        return n;
    }
    /// Type of the elements.
    [[nodiscard]] scn::dtype dtype() const noexcept { return static_cast<scn::dtype>(raw_.value_type); }
    /// The elements. Throws `SCN_ERR_TYPE` unless T is the type that they have.
    template <class T>
    [[nodiscard]] span<const T> values() const {
        if (detail::tag<T>() != dtype()) {
            throw error(SCN_ERR_TYPE, "tensor: has type tag " + std::to_string(raw_.value_type) + ", asked for as " +
                                          std::to_string(detail::tag<T>()));
        }
        return {static_cast<const T*>(raw_.values), size()};
    }

  private:
    ScnTensor raw_;
};

/// Named arrays, which models take and give. It can be moved, not copied; const uses may be shared between threads.
class tensors {
  public:
    /// None. So is one that was moved from.
    tensors() noexcept = default;

    /// Takes what a function of scnative.h made. By `scn_tensors_free` it is freed.
    explicit tensors(ScnTensors* owned) noexcept : owned_(owned) {}

    /// Copies an array into the set, under a name; one that is there under that name is replaced. `shape` has the length of each
    /// axis, of which the last is fastest; by default one axis of all values. By `scn_tensors_new` and `scn_tensors_add`.
    ///
    /// Throws `SCN_ERR_SHAPE` unless there are as many values as the shape says.
    template <class C>
    void add(const std::string& name, const C& values, std::optional<std::vector<std::int64_t>> shape = std::nullopt) {
        if (!owned_) {
            detail::check_abi();
            ScnTensors* made = nullptr;
            detail::check(scn_tensors_new(&made));
            owned_.reset(made);
        }
        const std::vector<std::int64_t> axes = shape ? *shape : std::vector<std::int64_t>{detail::len(values)};
        std::int64_t n = 1;
        for (std::int64_t length : axes) {
            n = length < 0 ? -1 : n * length;
        }
        detail::check_length(name.c_str(), std::size(values), n);
        ScnTensor raw;
        detail::init(raw, scn_tensor_init);
        raw.value_type = detail::tag<std::remove_pointer_t<decltype(std::data(values))>>();
        raw.n_dims = static_cast<std::int32_t>(axes.size());
        raw.shape = axes.data();
        raw.values = std::data(values);
        detail::check(scn_tensors_add(owned_.get(), name.c_str(), &raw));
    }

    /// How many arrays there are. By `scn_tensors_len`.
    [[nodiscard]] std::size_t size() const {
        std::int64_t n = 0;
        if (owned_) {
            detail::check(scn_tensors_len(get(), &n));
        }
        return static_cast<std::size_t>(n);
    }

    /// Their names. By `scn_tensors_name`.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all(size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            std::size_t needed = 0;
            detail::check(scn_tensors_name(get(), static_cast<std::int64_t>(i), nullptr, 0, &needed));
            all[i].resize(needed);
            detail::check(scn_tensors_name(get(), static_cast<std::int64_t>(i), all[i].data(), needed, nullptr));
            all[i].resize(needed > 0 ? needed - 1 : 0);
        }
        return all;
    }

    /// The array of this name: valid as long as this object, and until something is added. By `scn_tensors_get`.
    ///
    /// Throws `SCN_ERR_NOT_FOUND` if there is none.
    [[nodiscard]] tensor at(const std::string& name) const& {
        const std::vector<std::string> all = names();
        const auto found = std::find(all.begin(), all.end(), name);
        if (found == all.end()) {
            std::string there;
            for (const std::string& other : all) {
                there += (there.empty() ? "" : ", ") + other;
            }
            throw error(SCN_ERR_NOT_FOUND, "name: is \"" + name + "\", must be one of " + (there.empty() ? "none" : there));
        }
        ScnTensor raw;
        detail::init(raw, scn_tensor_init);
        detail::check(scn_tensors_get(get(), found - all.begin(), &raw));
        return tensor(raw);
    }
    tensor at(const std::string& name) && = delete;

    /// For functions of scnative.h; null if there is none.
    [[nodiscard]] const ScnTensors* get() const noexcept { return owned_.get(); }
    /// Whether there is a set.
    explicit operator bool() const noexcept { return owned_ != nullptr; }

  private:
    struct free {
        void operator()(ScnTensors* arrays) const noexcept { scn_tensors_free(arrays); }
    };
    std::unique_ptr<ScnTensors, free> owned_;
};

namespace detail {

/// The arrays that a call makes. They are owned before anything is thrown.
template <class Call>
tensors make_tensors(const context& how, Call&& call) {
    tensors made;
    invoke(how, [&](const ScnContext* settings) {
        ScnTensors* raw = nullptr;
        const ScnStatus status = call(settings, &raw);
        made = tensors(raw);
        return status;
    });
    return made;
}

}  // namespace detail

/// Arrays, and a JSON object with what there is to say about them.
struct model_output {
    tensors arrays;
    std::string report;
};

/// Cells as vectors.
struct cell_embedding {
    /// Cells x dimensions, row-major. Cells with no gene of the model's vocabulary are NaN.
    std::vector<float> values;
    std::int64_t n_obs = 0;
    std::int64_t n_dims = 0;
    /// A JSON object: `name`, `genes` (how many were found, by which rule, ...), and what the family adds.
    std::string report;

    /// The vectors as a matrix of cells x dimensions: valid as long as this object.
    [[nodiscard]] matrix_view matrix() const& { return dense(n_obs, n_dims, values); }
    matrix_view matrix() && = delete;
};

/// A single-cell foundation model that can be run. Options are JSON objects, empty for none; `describe` lists them. It can be
/// moved, not copied; const uses may be shared between threads.
class model {
  public:
    /// None. So is one that was moved from: its functions throw `SCN_ERR_NULL`.
    model() noexcept = default;

    /// Takes what `scn_model_open` made. By `scn_model_free` it is freed.
    explicit model(ScnModel* owned) noexcept : owned_(owned) {}

    /// Opens a folder, a model of the registry, or a Hugging Face repository, which is downloaded if it is not in the cache. By
    /// `scn_model_open`.
    explicit model(const std::string& name, const std::string& options = {}, const context& how = {}) {
        detail::invoke(how, [&](const ScnContext* settings) {
            ScnModel* made = nullptr;
            const ScnStatus status = scn_model_open(settings, name.c_str(), options.c_str(), &made);
            owned_.reset(made);
            return status;
        });
    }

    /// What it is: configuration, inputs and outputs, options, tasks, card, weights. By `scn_model_describe`.
    [[nodiscard]] std::string describe() const {
        return detail::make_text([&](ScnText** made) { return scn_model_describe(get(), made); });
    }

    /// The genes that it knows, in the order of the rows of `gene_embeddings`. By `scn_model_genes`.
    [[nodiscard]] std::vector<std::string> genes() const {
        return detail::texts_of(detail::make_text([&](ScnText** made) { return scn_model_genes(get(), made); }));
    }

    /// One vector for each gene: the array `gene_embeddings`, float, genes x dimensions. By `scn_model_gene_embeddings`.
    [[nodiscard]] tensors gene_embeddings(const context& how = {}) const {
        return detail::make_tensors(how, [&](const ScnContext* settings, ScnTensors** made) {
            return scn_model_gene_embeddings(settings, get(), made);
        });
    }

    /// The original implementation's forward pass on named arrays, and every output of it. By `scn_model_forward`.
    [[nodiscard]] tensors forward(const tensors& inputs, const std::string& options = {}, const context& how = {}) const {
        if (!inputs) {
            ScnTensors* none = nullptr;
            detail::check(scn_tensors_new(&none));
            return forward(tensors(none), options, how);
        }
        return detail::make_tensors(how, [&](const ScnContext* settings, ScnTensors** made) {
            return scn_model_forward(settings, get(), inputs.get(), options.c_str(), made);
        });
    }

    /// From counts to one vector for each cell. `genes` names the columns of the matrix; `arrays` has what a family asks for
    /// beside the counts, with one entry for each cell. By `scn_model_embed`.
    [[nodiscard]] cell_embedding embed(const matrix_view& matrix, const std::vector<std::string>& genes,
                                       const std::string& options = {}, const tensors& arrays = {},
                                       const context& how = {}) const {
        const std::string lines = detail::lines_of(genes);
        detail::owned_text report;
        const tensors made = detail::make_tensors(how, [&](const ScnContext* settings, ScnTensors** embedding) {
            ScnText* said = nullptr;
            const ScnStatus status = scn_model_embed(settings, get(), matrix.get(), lines.c_str(), arrays.get(), options.c_str(),
                                                     embedding, &said);
            report.reset(said);
            return status;
        });
        const tensor values = made.at("embedding");
        const span<const float> all = values.values<float>();
        return {{all.begin(), all.end()}, values.shape()[0], values.shape()[1], detail::copy_of(report)};
    }

    /// What else a family does with cells, by the name of the task: `"predict"` of GEARS, say. By `scn_model_run`.
    [[nodiscard]] model_output run(const std::string& task, const matrix_view& matrix, const std::vector<std::string>& genes,
                                   const std::string& options = {}, const tensors& arrays = {}, const context& how = {}) const {
        const std::string lines = detail::lines_of(genes);
        return run(task, matrix.get(), lines.c_str(), options, arrays, how);
    }

    /// A task that takes no cells, but the arrays `inputs`. By `scn_model_run`.
    [[nodiscard]] model_output run(const std::string& task, const tensors& inputs, const std::string& options = {},
                                   const context& how = {}) const {
        return run(task, nullptr, nullptr, options, inputs, how);
    }

    /// Saves it as a folder that every language opens: config.json, model.safetensors, vocabulary. By `scn_model_export`.
    void save(const std::string& folder, const std::string& options = {}, const context& how = {}) const {
        detail::invoke(how, [&](const ScnContext* settings) {
            return scn_model_export(settings, get(), folder.c_str(), options.c_str());
        });
    }

    /// For functions of scnative.h; null if there is none.
    [[nodiscard]] const ScnModel* get() const noexcept { return owned_.get(); }
    /// Whether there is one.
    explicit operator bool() const noexcept { return owned_ != nullptr; }

  private:
    [[nodiscard]] model_output run(const std::string& task, const ScnMatrix* matrix, const char* genes, const std::string& options,
                                   const tensors& arrays, const context& how) const {
        detail::owned_text report;
        tensors made = detail::make_tensors(how, [&](const ScnContext* settings, ScnTensors** outputs) {
            ScnText* said = nullptr;
            const ScnStatus status = scn_model_run(settings, get(), task.c_str(), matrix, genes, arrays.get(), options.c_str(),
                                                   outputs, &said);
            report.reset(said);
            return status;
        });
        return {std::move(made), detail::copy_of(report)};
    }

    struct free {
        void operator()(ScnModel* opened) const noexcept { scn_model_free(opened); }
    };
    std::unique_ptr<ScnModel, free> owned_;
};

// ------------------------------------------------------------------------------------------------------------------
// The library
// ------------------------------------------------------------------------------------------------------------------

/// Which library this program runs with, and what it can do.
struct library_info {
    /// Version of the library, `"0.1.0"` say. By `scn_version`.
    std::string version;
    /// Its ABI number. By `scn_abi_version`.
    std::uint32_t abi_version;
    /// CPU features that its kernels use here, separated by blanks. By `scn_cpu_features`.
    std::string cpu_features;
    /// Threads that a call uses by default. By `scn_default_threads`.
    std::int32_t threads;
};

/// Which library this program runs with, and what it can do.
[[nodiscard]] inline library_info build_info() {
    std::size_t needed = 0;
    detail::check(scn_cpu_features(nullptr, 0, &needed));
    std::string features(needed, '\0');
    detail::check(scn_cpu_features(features.data(), features.size(), nullptr));
    features.resize(needed > 0 ? needed - 1 : 0);
    return {scn_version(), scn_abi_version(), features, scn_default_threads()};
}

}  // namespace scn

#endif  // SCNATIVE_HPP

// --------------------------------------------------------------------------------------------------------------------
// Eigen
// --------------------------------------------------------------------------------------------------------------------

#if (defined(SCNATIVE_EIGEN) || defined(EIGEN_WORLD_VERSION)) && !defined(SCNATIVE_HPP_EIGEN)
#define SCNATIVE_HPP_EIGEN

#if !__has_include(<Eigen/SparseCore>)
#error "SCNATIVE_EIGEN is defined, but <Eigen/SparseCore> is not found: install Eigen 3.3 or later (Debian: libeigen3-dev)"
#endif
#include <Eigen/SparseCore>

namespace scn {

/// Compressed sparse matrices of Eigen (`SparseMatrix`, `Map`, `Ref`) as views of cells x genes: row-major ones are compressed
/// along the cells. No copy.
///
/// Throws `SCN_ERR_INVALID_ARGUMENT` for one that is not compressed.
template <class M>
struct matrix_adapter<M, std::enable_if_t<std::is_base_of_v<Eigen::SparseCompressedBase<M>, M>>> {
    template <class Matrix>
    static auto view(Matrix& matrix) {
        if (matrix.outerIndexPtr() == nullptr || !matrix.isCompressed()) {
            throw error(SCN_ERR_INVALID_ARGUMENT,
                        "matrix: is an Eigen matrix that is not compressed, must be; call .makeCompressed()");
        }
        const std::int64_t nnz = matrix.outerIndexPtr()[matrix.outerSize()];
        return sparse_view(M::IsRowMajor ? axis::obs : axis::var, matrix.rows(), matrix.cols(), nnz, matrix.outerIndexPtr(),
                           matrix.innerIndexPtr(), matrix.valuePtr());
    }
};

/// Dense matrices of Eigen whose elements lie in memory (`Matrix`, `Array`, `Map`, `Ref`, `Block`) as views. No copy.
///
/// Throws `SCN_ERR_INVALID_ARGUMENT` for one whose lines have gaps between their elements.
template <class M>
struct matrix_adapter<M, std::enable_if_t<std::is_base_of_v<Eigen::DenseBase<M>, M> &&
                                          (Eigen::internal::traits<M>::Flags & Eigen::DirectAccessBit) != 0>> {
    template <class Matrix>
    static auto view(Matrix& matrix) {
        const axis lines = M::IsRowMajor ? axis::obs : axis::var;
        if (matrix.outerSize() > 1 && matrix.innerSize() > 1 && matrix.innerStride() != 1) {
            throw error(SCN_ERR_INVALID_ARGUMENT,
                        "matrix: is an Eigen expression with gaps in its lines, must have none; use .eval()");
        }
        if (matrix.outerSize() > 1) {
            return dense_view(matrix.rows(), matrix.cols(), matrix.data(), lines, matrix.outerStride());
        }
        // One line, perhaps with gaps: as many lines of one element.
        return dense_view(matrix.rows(), matrix.cols(), matrix.data(), lines == axis::obs ? axis::var : axis::obs,
                          matrix.innerStride());
    }
};

/// A matrix as Eigen's sparse one, in a copy: `to_eigen<Eigen::SparseMatrix<double, Eigen::RowMajor>>(matrix)`. Sorted, without
/// repeats; values get Eigen's type as `to_dense` converts them.
///
/// Throws `SCN_ERR_OVERFLOW` if Eigen's index type cannot count the cells, genes or elements.
template <class M>
[[nodiscard]] M to_eigen(const matrix_view& matrix, const context& how = {}) {
    using Index = typename M::StorageIndex;
    using Scalar = typename M::Scalar;
    const sparse made = to_major(matrix, M::IsRowMajor ? axis::obs : axis::var, how);
    const matrix_view all = made.view();
    for (std::int64_t size : {all.n_obs(), all.n_vars(), all.nnz()}) {
        if (size > std::numeric_limits<Index>::max()) {
            throw error(SCN_ERR_OVERFLOW, "matrix: has " + std::to_string(size) +
                                              " cells, genes or elements, which Eigen's index of " +
                                              std::to_string(8 * sizeof(Index)) + " bits cannot count; use one of 64 bits");
        }
    }
    M eigen(all.n_obs(), all.n_vars());
    eigen.resizeNonZeros(all.nnz());
    const auto index = [](std::int64_t i) { return static_cast<Index>(i); };
    const span<const std::int64_t> indptr = made.indptr();
    std::transform(indptr.begin(), indptr.end(), eigen.outerIndexPtr(), index);
    if (made.index_dtype() == dtype::i32) {
        const auto indices = made.indices<std::int32_t>();
        std::transform(indices.begin(), indices.end(), eigen.innerIndexPtr(), index);
    } else {
        const auto indices = made.indices<std::int64_t>();
        std::transform(indices.begin(), indices.end(), eigen.innerIndexPtr(), index);
    }
    if (all.nnz() > 0) {  // the values as a matrix of one line, so that the library converts them
        ScnMatrix line = dense_view(1, all.nnz(), static_cast<const Scalar*>(nullptr)).raw();
        line.values = all.raw().values;
        line.value_type = all.dtype();
        detail::invoke(how, [&](const ScnContext* settings) {
            return scn_matrix_to_dense(settings, &line, SCN_OBS, detail::tag<Scalar>(), eigen.valuePtr(), all.nnz());
        });
    }
    return eigen;
}

}  // namespace scn

#endif  // Eigen
