// Threads, progress, cancellation, the log.
#include <atomic>
#include <chrono>
#include <thread>

#include "check.hpp"

namespace {

// Takes seconds on any machine: all pairs of these cells.
scn::simulated_counts many_cells() { return scn::simulate_counts(9000, 300); }

std::vector<double> distances(const scn::simulated_counts& drawn, const scn::context& how) {
    return scn::energy_distance(drawn.counts, drawn.clusters, scn::metric::euclidean, true, std::nullopt, how);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST(threads_change_no_bit) {
    const auto drawn = scn::simulate_counts(500, 200);
    scn::rank_genes_groups_options wilcoxon;
    wilcoxon.method = scn::method::wilcoxon;
    std::vector<std::vector<double>> scores;
    for (const int n_threads : {1, 2, 3, 8}) {
        scn::context how;
        how.n_threads = n_threads;
        scores.push_back(scn::rank_genes_groups(drawn.counts, drawn.clusters, wilcoxon, scn::ranking::scores, how).scores);
        CHECK(scores.back() == scores.front() && scores.back().size() == 1000);
    }
}

TEST(defaults_are_the_librarys) {
    ScnContext raw;
    CHECK(scn_context_init(&raw, sizeof raw) == SCN_OK);
    const scn::context how;
    CHECK(how.n_threads == raw.n_threads && how.seed == raw.seed && how.device == raw.device && !how.progress && !how.cancel);
    ScnHighlyVariableGenesOptions options;
    CHECK(scn_highly_variable_genes_options_init(&options, sizeof options) == SCN_OK);
    const scn::highly_variable_genes_options ours;
    CHECK(ours.struct_size == sizeof options && ours.min_mean == options.min_mean && ours.span == options.span &&
          ours.theta == 100);
    CHECK(scn::normalize_total_options().max_fraction == 0.05 && scn::scale_options().zero_center == 1);
    CHECK(scn::rank_genes_groups_options().reference == SCN_REFERENCE_REST && scn::control_genes_options().ctrl_size == 50);
    CHECK(scn::simulate_options().n_clusters == 5 && scn::loess_options().span == 0.75);
}

TEST(seeds_are_passed) {
    scn::context one, other;
    one.seed = 1;
    other.seed = 2;
    const auto a = scn::simulate_counts(50, 200, {}, one), b = scn::simulate_counts(50, 200, {}, one),
               c = scn::simulate_counts(50, 200, {}, other);
    CHECK(all_near(a.counts.values<float>(), b.counts.values<float>(), 0) && all_near(a.counts.indices(), b.counts.indices()));
    CHECK(!all_near(a.counts.values<float>(), c.counts.values<float>(), 0));
}

TEST(progress_is_told_on_the_calling_thread) {
    const auto drawn = many_cells();
    std::vector<double> told;
    bool here = true;
    const auto thread = std::this_thread::get_id();
    scn::context how;
    how.progress = [&](double done) {
        told.push_back(done);
        here = here && std::this_thread::get_id() == thread;
        if (told.size() == 4) {
            throw std::runtime_error("enough");
        }
    };
    const auto start = std::chrono::steady_clock::now();
    CHECK_THROWS(distances(drawn, how), std::runtime_error);
    CHECK(here && told.size() == 4 && std::is_sorted(told.begin(), told.end()));
    CHECK(told.front() >= 0 && told.back() < 1 && told.back() > told.front());
    CHECK(seconds_since(start) > 0.1);
}

TEST(exceptions_in_progress_stop_the_call_and_come_back) {
    struct enough {
        double done;
    };
    const auto drawn = many_cells();
    scn::context how;
    int told = 0;
    how.progress = [&](double done) {
        if (++told == 2) {
            throw enough{done};
        }
    };
    const auto start = std::chrono::steady_clock::now();
    double done = -1;
    try {
        static_cast<void>(distances(drawn, how));
        CHECK(false);
    } catch (const enough& thrown) {
        done = thrown.done;
    }
    CHECK(done >= 0 && done < 1 && told == 2);
    CHECK(seconds_since(start) < 30);
}

TEST(calls_can_be_made_from_progress) {
    const auto drawn = many_cells();
    scn::context how;
    std::vector<double> inner;
    how.progress = [&](double) {
        inner = scn::stats(drawn.counts, scn::axis::obs, 0, scn::stat::sum).sum;
        throw std::runtime_error("enough");
    };
    CHECK_THROWS(distances(drawn, how), std::runtime_error);
    CHECK(inner == scn::stats(drawn.counts).sum);
}

TEST(another_thread_cancels) {
    const auto drawn = many_cells();
    const scn::cancel_token token;
    scn::context how;
    how.cancel = &token;
    std::atomic<bool> begun{false};
    how.progress = [&](double) { begun = true; };
    std::chrono::steady_clock::time_point set;
    std::thread other([&] {
        while (!begun) {
            std::this_thread::yield();
        }
        set = std::chrono::steady_clock::now();
        token.set();
    });
    bool stopped = false;
    try {
        static_cast<void>(distances(drawn, how));
    } catch (const scn::cancelled& error) {
        stopped = error.status() == SCN_ERR_CANCELLED;
    }
    const auto end = std::chrono::steady_clock::now();
    other.join();
    CHECK(stopped);
    CHECK(std::chrono::duration<double>(end - set).count() < 5);

    CHECK_ERROR(scn::stats(drawn.counts, scn::axis::obs, 0, scn::stat::sum, how), SCN_ERR_CANCELLED, "");
    std::vector<double> values = {1, 2, 3, 4};
    CHECK_ERROR(scn::log1p_inplace(scn::dense(2, 2, values), 0, how), SCN_ERR_CANCELLED, "");
    CHECK((values == std::vector<double>{1, 2, 3, 4}));
    token.reset();
    CHECK(scn::stats(drawn.counts, scn::axis::obs, 0, scn::stat::sum, how).sum.size() == 300);
}

TEST(warnings_go_to_the_log) {
    const std::vector<double> cells = {1, 2, 0, 0};  // the second cell is empty
    const auto view = scn::dense(2, 2, cells);
    std::vector<std::pair<scn::log_level, std::string>> heard;
    scn::on_log([&](scn::log_level level, std::string_view message) { heard.emplace_back(level, message); });
    static_cast<void>(scn::normalize_total<double>(view));
    CHECK(heard.size() == 1 && heard[0].first == scn::log_level::warning && !heard[0].second.empty());

    // What the log function throws comes out of the call that it was about, and of no other.
    scn::on_log([](scn::log_level, std::string_view message) { throw std::runtime_error(std::string(message)); });
    std::string thrown;
    try {
        static_cast<void>(scn::normalize_total<double>(view));
    } catch (const scn::error&) {
        CHECK(false);
    } catch (const std::runtime_error& error) {
        thrown = error.what();
    }
    CHECK(thrown == heard[0].second);
    CHECK(scn::normal_p(std::vector<double>{0}).front() == 1);
    static_cast<void>(scn::stats(view));

    scn::on_log(nullptr);
    static_cast<void>(scn::normalize_total<double>(view));
    CHECK(heard.size() == 1);
}

TEST(calls_from_many_threads) {
    const triple<> counts(make_counts(200, 50));
    const auto expected = scn::stats(counts.view());
    std::atomic<int> same{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 20; ++k) {
                same += scn::stats(counts.view()).var == expected.var;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(same == 80);
}
