// Every public operation from C++: what run.py does, through scnative.hpp. run.cpp IN_DIR OUT_DIR N_THREADS
#include "scnative.hpp"

#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <type_traits>
#include <vector>

namespace {

std::string in, out;
scn::context how;

template <class T>
std::vector<T> read(const std::string& name) {
    std::ifstream file(in + "/" + name + ".bin", std::ios::binary | std::ios::ate);
    std::vector<T> values(static_cast<std::size_t>(file.tellg()) / sizeof(T));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
    return values;
}

void write_bytes(const std::string& name, const void* bytes, std::size_t n) {
    std::ofstream(out + "/" + name + ".bin", std::ios::binary)
        .write(static_cast<const char*>(bytes), static_cast<std::streamsize>(n));
}

// Reals as f64, flags as u8, all other integers as i64.
template <class C>
void write(const std::string& name, const C& values) {
    using T = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(values))>>;
    using As =
        std::conditional_t<std::is_floating_point_v<T>, double, std::conditional_t<sizeof(T) == 1, std::uint8_t, std::int64_t>>;
    const std::vector<As> all(std::begin(values), std::end(values));
    write_bytes(name, all.data(), all.size() * sizeof(As));
}

void write_texts(const std::string& name, const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) {
        all += text + "\n";
    }
    write_bytes(name, all.data(), all.size());
}

void write_view(const std::string& name, const scn::matrix_view& m) {
    const ScnMatrix& raw = m.raw();
    const auto nnz = static_cast<std::size_t>(raw.nnz);
    const auto lines = static_cast<std::size_t>(raw.major == SCN_OBS ? raw.n_obs : raw.n_vars);
    write(name + ".indptr", scn::span(static_cast<const std::int64_t*>(raw.indptr), lines + 1));
    write(name + ".indices", scn::span(static_cast<const std::int32_t*>(raw.indices), nnz));
    write(name + ".values", scn::to_dense<double>(scn::dense_view(1, raw.nnz, static_cast<const double*>(raw.values))));
    write(name + ".shape", std::vector<std::int64_t>{raw.n_obs, raw.n_vars, raw.major});
}

void write_sparse(const std::string& name, const scn::sparse& made) {
    if (made.dtype() == scn::dtype::f64) {
        return write_view(name, made);
    }
    const auto floats = made.values<float>();
    const std::vector<double> values(floats.begin(), floats.end());
    write_view(name, made.view().with_values(values));
}

void write_statistics(const std::string& name, const scn::statistics& made) {
    write(name + ".sum", made.sum);
    write(name + ".mean", made.mean);
    write(name + ".var", made.var);
    write(name + ".count_nonzero", made.count_nonzero);
    write(name + ".min", made.min);
    write(name + ".max", made.max);
}

void write_normalized(const std::string& name, const scn::normalized<double>& made) {
    write(name + ".values", made.values);
    write(name + ".size_factors", made.factors);
    write(name + ".target_sum", std::vector<double>{made.target_sum});
    write(name + ".highly_expressed", made.highly_expressed);
}

void write_variable(const std::string& name, int flavor, bool batches, const scn::variable_genes& made) {
    write(name + ".highly_variable", made.highly_variable);
    write(name + ".means", made.means);
    write(name + ".highly_variable_nbatches", made.highly_variable_nbatches);
    write(name + ".highly_variable_intersection", made.highly_variable_intersection);
    const bool plotted = flavor == scn::flavor::mean_var_plot || flavor == scn::flavor::dispersion;
    if (flavor == scn::flavor::seurat || flavor == scn::flavor::cell_ranger || plotted) {
        write(name + ".dispersions", made.dispersions);
        write(name + ".dispersions_norm", made.dispersions_norm);
        if (!batches) {
            write(name + ".mean_bin", made.mean_bin);
            write(name + ".bin_edges", made.bin_edges);
        }
        if (plotted) {
            write(name + ".highly_variable_rank", made.highly_variable_rank);
        }
        return;
    }
    write(name + ".variances", made.variances);
    write(name + ".highly_variable_rank", made.highly_variable_rank);
    if (flavor == scn::flavor::pearson_residuals) {
        write(name + ".residual_variances", made.residual_variances);
    } else {
        write(name + ".variances_norm", made.variances_norm);
        if (!batches) {
            write(name + ".variances_expected", made.variances_expected);
        }
    }
}

void write_tensor(const std::string& name, const scn::tensor& array) {
    if (array.dtype() == scn::dtype::f32) {
        return write(name, array.values<float>());
    }
    const auto flags = array.values<std::uint8_t>();  // the one other type that the outputs here have
    write(name, std::vector<std::int64_t>(flags.begin(), flags.end()));
}

void write_tensors(const std::string& name, const scn::tensors& arrays) {
    for (const std::string& key : arrays.names()) {
        write_tensor(name + "." + key, arrays.at(key));
    }
}

// The first value of a key in a JSON text: text without its quotes, or a number.
std::string value_of(const std::string& json, const std::string& key) {
    const std::size_t begin = json.find("\"" + key + "\":") + key.size() + 3;
    return json[begin] == '"' ? json.substr(begin + 1, json.find('"', begin + 1) - begin - 1)
                              : json.substr(begin, json.find_first_of(",}", begin) - begin);
}

std::vector<std::int64_t> number_of(const std::string& json, const std::string& key) { return {std::stoll(value_of(json, key))}; }

void copy_file(const std::string& from, const std::string& to) {
    std::ofstream(to, std::ios::binary) << std::ifstream(from, std::ios::binary).rdbuf();
}

template <class Call>
void write_error(const std::string& name, Call&& call) {
    try {
        call();
    } catch (const scn::error& error) {
        write_texts("error~" + name + ".text", {error.status_name(), error.what()});
    }
}

// What needs the fixtures: models, and their errors.
void models(const std::string& root) {
    const std::string plain = root + "/scgpt-plain", parent = out.substr(0, out.find_last_of('/'));
    const auto counts = read<double>("model_counts");
    const scn::matrix_view cells = scn::dense(40, 30, counts);
    const scn::model model(plain, "", how);
    const std::vector<std::string> known = model.genes();
    std::vector<std::string> genes(known.begin(), known.begin() + 24), unknown;
    for (int i = 0; i < 30; ++i) {
        unknown.push_back("unknown" + std::to_string(i));
    }
    genes.insert(genes.end(), unknown.begin(), unknown.begin() + 6);
    const std::string all = scn::models::list();
    std::int64_t n = 0;
    for (std::size_t at = all.find("\"family\":"); at != std::string::npos; at = all.find("\"family\":", at + 1)) {
        ++n;
    }
    write("models_list.n", std::vector<std::int64_t>{n});
    const std::string card = scn::models::info("scGPT/Human");
    write_texts("models_info.texts", {value_of(card, "id"), value_of(card, "family")});
    scn::models::register_card(R"({"id": "proof", "family": "scgpt", "source": {"local": ")" + plain + R"("}})");
    write_texts("models_register.family", {value_of(scn::models::info("Proof"), "family")});
    scn::models::unregister_card("proof");
    const std::string nowhere = R"({"cache_dir": ")" + parent + R"(/cache"})";
    write("models_cache.size", number_of(scn::models::cache(nowhere), "size"));
    write("models_prune.freed", number_of(scn::models::prune(nowhere), "freed_bytes"));
    write_texts("model_describe.family", {value_of(model.describe(), "family")});
    write_texts("model_genes.genes", known);
    write_tensors("model_gene_embeddings", model.gene_embeddings(how));
    scn::tensors inputs;
    inputs.add("src", read<std::int64_t>("model_src"), {{3, 6}});
    inputs.add("values", read<double>("model_values"), {{3, 6}});
    write_tensors("model_forward", model.forward(inputs, "", how));
    write("model_embed.embedding", model.embed(cells, genes, "", {}, how).values);
    std::vector<std::string> renamed = genes;
    renamed[0] = "first";
    for (char& letter : renamed[1]) {
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    const std::string options = R"({"aliases": {"first": ")" + genes[0] +
                                R"("}, "min_matched": 0.5, "max_batch_tokens": 64, "binning": "deterministic"})";
    write("model_embed~options.embedding", model.embed(cells, renamed, options, {}, how).values);
    const scn::model perturbing(root + "/scgpt-perturb", "", how);
    std::vector<std::string> named = perturbing.genes();
    named.resize(24);
    named.insert(named.end(), unknown.begin(), unknown.begin() + 6);
    std::vector<double> logs = counts;
    for (double& x : logs) {
        x /= 8;
    }
    const std::string task = R"({"perturbations": [[")" + named[0] + R"("], [")" + named[1] + R"(", ")" + named[2] +
                             R"("]], "pool_size": 7})";
    write_tensors("model_run", perturbing.run("perturb", scn::dense(40, 30, logs), named, task, {}, how).arrays);
    model.save(parent + "/saved", R"({"overwrite": true})", how);
    copy_file(parent + "/saved/config.json", out + "/model_export.config.bin");
    copy_file(parent + "/saved/model.safetensors", out + "/model_export.weights.bin");

    std::vector<double> negative = counts;
    negative[1 * 30 + 2] = -3;
    const std::string none = R"({"cache_dir": ")" + in + R"(/none"})", offline = R"({"offline": true, "cache_dir": ")" + in + R"(/none"})";
    write_error("models_info", [&] { (void)scn::models::info("scgpt-humn"); });
    write_error("models_unregister", [&] { scn::models::unregister_card("proof"); });
    write_error("models_download", [&] { scn::models::download("proof/none", offline, how); });
    write_error("models_remove", [&] { scn::models::remove("proof/none", none); });
    write_error("models_verify", [&] { scn::models::verify("proof/none", none, how); });
    write_error("model_open", [&] { scn::model("/no/such/folder", "", how); });
    write_error("model_open~dtype", [&] { scn::model(plain, R"({"dtype": "f33"})", how); });
    write_error("model_forward", [&] { (void)model.forward({}, "", how); });
    write_error("model_embed~option", [&] { (void)model.embed(cells, genes, R"({"bins": 3})", {}, how); });
    write_error("model_embed~names", [&] { (void)model.embed(cells, {}, "", {}, how); });
    write_error("model_embed~vocabulary", [&] { (void)model.embed(cells, unknown, "", {}, how); });
    write_error("model_embed~counts", [&] { (void)model.embed(scn::dense(40, 30, negative), genes, "", {}, how); });
    write_error("model_embed~budget", [&] { (void)model.embed(cells, genes, R"({"max_batch_tokens": 1})", {}, how); });
    scn::tensors labels;
    labels.add("batch_labels", std::vector<std::int64_t>{0, 1, 2, 3, 4});
    write_error("model_embed~shape", [&] { (void)model.embed(cells, genes, "", labels, how); });
    write_error("model_run", [&] { (void)model.run("dance", scn::tensors(), "", how); });
}

}  // namespace

int main(int, char** argv) {
    in = argv[1];
    out = argv[2];
    how.n_threads = std::atoi(argv[3]);
    how.seed = 11;
    std::int64_t n_obs, n_vars, nnz, n_groups, n_batches;
    std::ifstream(in + "/shape.txt") >> n_obs >> n_vars >> nnz >> n_groups >> n_batches;

    const auto indptr = read<std::int32_t>("counts.indptr"), indices = read<std::int32_t>("counts.indices");
    const auto values = read<double>("counts.values"), not_finite_values = read<double>("not_finite.values");
    const scn::matrix_view counts = scn::csr(n_obs, n_vars, indptr, indices, values);
    const scn::matrix_view not_finite = counts.with_values(not_finite_values);
    const auto unsorted_indptr = read<std::int32_t>("unsorted.indptr"), unsorted_indices = read<std::int32_t>("unsorted.indices");
    const auto unsorted_values = read<double>("unsorted.values");
    const scn::matrix_view unsorted = scn::csr(n_obs, n_vars, unsorted_indptr, unsorted_indices, unsorted_values);
    auto coordinates = read<double>("points");
    const scn::matrix_view points = scn::dense(n_obs, 4, coordinates);
    const auto group_of = read<std::int32_t>("groups"), batch_of = read<std::int32_t>("batches");
    const scn::labels groups(group_of, n_groups), batches(batch_of, n_batches);
    const auto gene_set = read<std::int64_t>("gene_set"), gene_pool = read<std::int64_t>("gene_pool");
    scn::normalize_total_options to_1e4;
    to_1e4.target_sum = 1e4;
    const auto logged_values = scn::normalize_log1p<double>(counts, to_1e4, how).values;
    const scn::matrix_view logged = counts.with_values(logged_values);

    // matrices
    write("matrix_is_canonical.found", std::vector<std::uint8_t>{scn::is_canonical(counts, how)});
    write("matrix_is_canonical~unsorted.found", std::vector<std::uint8_t>{scn::is_canonical(unsorted, how)});
    write_sparse("matrix_sum_duplicates", scn::sum_duplicates(unsorted, how));
    write_sparse("matrix_to_major~var", scn::to_major(counts, scn::axis::var, how));
    write_sparse("matrix_to_major~unsorted", scn::to_major(unsorted, scn::axis::var, how));
    write_sparse("matrix_subset", scn::subset(counts, read<std::int64_t>("subset_obs"), read<std::int64_t>("subset_vars"), how));
    write_sparse("matrix_subset_masked",
                 scn::subset_masked(counts, read<std::uint8_t>("keep_obs"), read<std::uint8_t>("keep_vars"), how));
    write_sparse("matrix_concat~obs", scn::concat({counts, unsorted}, scn::axis::obs, how));
    write_sparse("matrix_concat~var", scn::concat({counts, unsorted}, scn::axis::var, how));
    write("matrix_to_dense.out", scn::to_dense<double>(unsorted, scn::axis::obs, how));
    const auto all = scn::choice<scn::stat>::all();
    write_statistics("matrix_stats~obs", scn::stats(logged, scn::axis::obs, 1, all, how));
    write_statistics("matrix_stats~var", scn::stats(logged, scn::axis::var, 1, all, how));
    write_statistics("matrix_stats~dense", scn::stats(points, scn::axis::obs, 0, all, how));
    write_statistics("matrix_stats~unsorted", scn::stats(unsorted, scn::axis::obs, 0, all, how));
    write_statistics("matrix_aggregate", scn::aggregate(logged, groups, scn::axis::obs, 1, all, how));
    write("matrix_medians.out", scn::median(logged, groups, scn::axis::obs, how));

    // files
    write_sparse("read_mtx", scn::read_mtx(in + "/10x/matrix.mtx.gz", scn::axis::var, scn::dtype::f64, how));
    scn::write_mtx(out + "/write_mtx.file.bin", unsorted, scn::axis::var, how);
    const scn::folder_10x folder = scn::read_10x_mtx(in + "/10x", "", scn::dtype::f64, how);
    write_view("read_10x_mtx", folder.matrix());
    write_texts("10x_names.barcodes", folder.barcodes());
    write_texts("10x_names.gene_ids", folder.gene_ids());
    write_texts("10x_names.gene_names", folder.gene_names());
    write_texts("10x_names.feature_types", folder.feature_types());

    // preprocessing
    scn::cell_threshold enough_genes;
    enough_genes.min_genes = 100;
    const scn::kept cells = scn::filter_cells(counts, enough_genes, how);
    write("pp_filter_cells.keep", cells.keep);
    write("pp_filter_cells.number", cells.number);
    scn::gene_threshold enough_counts;
    enough_counts.min_counts = 20;
    const scn::kept genes = scn::filter_genes(counts, enough_counts, how);
    write("pp_filter_genes.keep", genes.keep);
    write("pp_filter_genes.number", genes.number);

    const scn::qc_options qc_options{{10, 50, 200}, {read<std::uint8_t>("mito"), read<std::uint8_t>("ribo")}};
    const scn::qc_metrics qc = scn::calculate_qc_metrics(logged, qc_options, how);
    const auto doubles = [](const std::vector<std::int64_t>& numbers) {
        return std::vector<double>(numbers.begin(), numbers.end());
    };
    write("pp_calculate_qc_metrics.n_genes_by_counts", doubles(qc.n_genes_by_counts));
    write("pp_calculate_qc_metrics.total_counts", qc.total_counts);
    write("pp_calculate_qc_metrics.pct_counts_in_top", qc.pct_counts_in_top);
    write("pp_calculate_qc_metrics.subset_counts", qc.subset_counts);
    write("pp_calculate_qc_metrics.subset_pct", qc.subset_pct);
    write("pp_calculate_qc_metrics.n_cells_by_counts", doubles(qc.n_cells_by_counts));
    write("pp_calculate_qc_metrics.total_counts_of_genes", qc.total_counts_of_genes);
    write("pp_calculate_qc_metrics.mean_counts", qc.mean_counts);
    write("pp_calculate_qc_metrics.pct_dropout", qc.pct_dropout);

    write_normalized("pp_normalize_total", scn::normalize_total<double>(counts, {}, how));
    scn::normalize_total_options excluding;
    excluding.target_sum = 1e3;
    excluding.exclude_highly_expressed = true;
    excluding.max_fraction = 0.02;
    write_normalized("pp_normalize_total~excluding", scn::normalize_total<double>(counts, excluding, how));
    scn::normalize_total_options base_2 = to_1e4;
    base_2.base = 2;
    write_normalized("pp_normalize_log1p", scn::normalize_log1p<double>(counts, base_2, how));

    const auto in_place = [&](const std::string& name, auto change) {
        std::vector<double> changed = values;
        change(scn::csr(n_obs, n_vars, indptr, indices, changed));
        write("pp_" + name + "_inplace.values", changed);
    };
    scn::scale_options not_centred;
    not_centred.zero_center = false;
    using mutable_view = const scn::mutable_matrix_view&;
    in_place("normalize_total", [&](mutable_view m) { scn::normalize_total_inplace(m, to_1e4, how); });
    in_place("normalize_log1p", [&](mutable_view m) { scn::normalize_log1p_inplace(m, to_1e4, how); });
    in_place("log1p", [&](mutable_view m) { scn::log1p_inplace(m, 0, how); });
    in_place("normalize_relative", [&](mutable_view m) { scn::normalize_relative_inplace(m, 1e4, how); });
    in_place("normalize_clr", [&](mutable_view m) { scn::normalize_clr_inplace(m, scn::axis::var, how); });
    in_place("scale", [&](mutable_view m) { scn::scale_inplace(m, not_centred, {}, how); });

    write("pp_log1p.values", scn::log1p<double>(counts, 0, how));
    std::vector<double> positive = coordinates;
    for (double& x : positive) {
        x = std::abs(x);
    }
    write("pp_log1p~dense.out", scn::log1p<double>(points.with_values(positive), 0, how));
    write("pp_normalize_relative.values", scn::normalize_relative<double>(counts, 1e4, how));
    write("pp_normalize_clr~genes.values", scn::normalize_clr<double>(counts, scn::axis::var, how));
    write("pp_normalize_clr~cells.values", scn::normalize_clr<double>(counts, scn::axis::obs, how));

    const std::pair<const char*, scn::flavor> flavors[] = {{"seurat", scn::flavor::seurat},
                                                           {"cell_ranger", scn::flavor::cell_ranger},
                                                           {"seurat_v3", scn::flavor::seurat_v3},
                                                           {"seurat_v3_paper", scn::flavor::seurat_v3_paper},
                                                           {"vst", scn::flavor::vst},
                                                           {"pearson_residuals", scn::flavor::pearson_residuals}};
    for (const auto& [flavor_name, flavor] : flavors) {
        const std::string name = std::string("pp_highly_variable_genes~") + flavor_name;
        const scn::matrix_view m = flavor == scn::flavor::seurat || flavor == scn::flavor::cell_ranger ? logged : counts;
        scn::highly_variable_genes_options options;
        options.flavor = flavor;
        options.n_top_genes = 100;
        write_variable(name, flavor, false, scn::highly_variable_genes(m, options, {}, {}, how));
        write_variable(name + "~batches", flavor, true, scn::highly_variable_genes(m, options, batches, {}, how));
    }

    scn::highly_variable_genes_options plotted;
    plotted.flavor = scn::flavor::mean_var_plot;
    plotted.min_mean = 0.1;
    plotted.max_mean = 8;
    plotted.min_disp = 1;
    write_variable("pp_highly_variable_genes~mean_var_plot", plotted.flavor, false,
                   scn::highly_variable_genes(logged, plotted, {}, {}, how));
    scn::highly_variable_genes_options by_frequency;
    by_frequency.flavor = scn::flavor::dispersion;
    by_frequency.n_top_genes = 100;
    by_frequency.binning = SCN_HVG_BINS_EQUAL_FREQUENCY;
    write_variable("pp_highly_variable_genes~dispersion", by_frequency.flavor, false,
                   scn::highly_variable_genes(logged, by_frequency, {}, {}, how));

    const auto write_scaled = [](const std::string& name, const std::vector<double>& scaled, const scn::moments& by) {
        write(name + ".out", scaled);
        write(name + ".means", by.means);
        write(name + ".stds", by.stds);
    };
    scn::scale_options clipped;
    clipped.max_value = 2;
    const auto plain = scn::scale<double>(logged, clipped, {}, scn::axis::obs, how);
    write_scaled("pp_scale", plain.values, plain);
    const auto by_group = scn::scale<double>(logged, {}, groups, scn::axis::obs, how);
    write_scaled("pp_scale~groups", by_group.values, by_group);
    const auto of_points = scn::scale<double>(points, {}, {}, scn::axis::obs, how);
    write_scaled("pp_scale~dense", of_points.values, of_points);
    scn::scale_options as_seurat, centred, root_mean_square;
    as_seurat.max_value = 1;
    as_seurat.clip_below = false;
    centred.divide = false;
    root_mean_square.zero_center = false;
    root_mean_square.root_mean_square = true;
    const auto of_seurat = scn::scale<double>(points, as_seurat, {}, scn::axis::obs, how);
    write_scaled("pp_scale~seurat", of_seurat.values, of_seurat);
    const auto of_centred = scn::scale<double>(points, centred, {}, scn::axis::obs, how);
    write_scaled("pp_scale~centred", of_centred.values, of_centred);
    const auto of_squares = scn::scale<double>(points, root_mean_square, {}, scn::axis::obs, how);
    write_scaled("pp_scale~root_mean_square", of_squares.values, of_squares);
    not_centred.max_value = 3;
    std::vector<double> scaled_values = logged_values;
    const scn::moments by = scn::scale_inplace(scn::csr(n_obs, n_vars, indptr, indices, scaled_values), not_centred, {}, how);
    write_scaled("pp_scale~not_centred", scaled_values, by);

    write("pp_regress_out.out", scn::regress_out<double>(logged, read<double>("covariates"), 3, how));
    write("pp_regress_out_groups.out", scn::regress_out_groups<double>(logged, batches, how));

    // tools
    std::vector<double> last_scores;
    const auto rank = [&](const std::string& name, scn::rank_genes_groups_options options) {
        using scn::ranking;
        const bool wilcoxon = options.method == scn::method::wilcoxon;
        const scn::choice<ranking> t_results = {
            ranking::scores, ranking::pvals,           ranking::ln_pvals,  ranking::pvals_adj,          ranking::log_fold_changes,
            ranking::means,  ranking::means_reference, ranking::fractions, ranking::fractions_reference};
        const auto made =
            scn::rank_genes_groups(logged, groups, options, wilcoxon ? scn::choice<ranking>::all() : t_results, how);
        const std::string begin = "tl_rank_genes_groups~" + name;
        write(begin + ".scores", made.scores);
        write(begin + ".pvals", made.pvals);
        write(begin + ".ln_pvals", made.ln_pvals);
        write(begin + ".pvals_adj", made.pvals_adj);
        write(begin + ".log_fold_changes", made.log_fold_changes);
        write(begin + ".means", made.means);
        write(begin + ".means_reference", made.means_reference);
        write(begin + ".fractions", made.fractions);
        write(begin + ".fractions_reference", made.fractions_reference);
        if (wilcoxon) {
            write(begin + ".u", made.u);
            write(begin + ".auroc", made.auroc);
        }
        write("tl_rank_genes_groups_order~" + name + ".order", scn::rank_order(made.scores, n_groups, n_vars, 50, false, how));
        last_scores = made.scores;
    };
    scn::rank_genes_groups_options options;
    rank("t-test", options);
    options.method = scn::method::t_test_overestim_var;
    options.fold_change = scn::fold_change::scanpy_v2;
    options.corr_method = scn::corr_method::bonferroni;
    rank("overestim", options);
    options.method = scn::method::student;
    options.reference = 1;
    options.fold_change = scn::fold_change::seurat_v5;
    options.corr_method = scn::corr_method::benjamini_yekutieli;
    rank("student", options);
    scn::rank_genes_groups_options wilcoxon;
    wilcoxon.method = scn::method::wilcoxon;
    rank("wilcoxon", wilcoxon);
    wilcoxon.tie_correct = true;
    scn::rank_genes_groups_options as_r = wilcoxon;
    as_r.continuity = true;
    as_r.fold_change = scn::fold_change::seurat_v4;
    rank("wilcoxon_r", as_r);
    scn::rank_genes_groups_options difference, exact;
    difference.fold_change = scn::fold_change::difference;
    difference.positive_fractions = true;
    rank("difference", difference);
    exact.method = scn::method::wilcoxon;
    exact.exact = true;
    exact.min_cells = 1;
    exact.fold_change = scn::fold_change::seurat_v4_means;
    rank("wilcoxon_exact", exact);
    wilcoxon.reference = 0;
    rank("wilcoxon_reference", wilcoxon);
    write("tl_rank_genes_groups_order~abs.order", scn::rank_order(last_scores, n_groups, n_vars, 50, true, how));

    scn::control_genes_options control_options;
    control_options.ctrl_size = 10;
    control_options.n_bins = 12;
    control_options.random_state = 5;
    const auto control = scn::control_genes(logged, gene_set, control_options, gene_pool, how);
    write("tl_control_genes.control", control);
    write("tl_score_genes.score", scn::score_genes(logged, gene_set, control, how));
    std::vector<std::string> phases;
    for (scn::phase phase : scn::cell_cycle_phase(read<double>("s_score"), read<double>("g2m_score"))) {
        phases.push_back(phase == scn::phase::g1 ? "G1" : phase == scn::phase::s ? "S" : "G2M");
    }
    write_texts("tl_cell_cycle_phase.phase", phases);
    write("tl_energy_distance.distance", scn::energy_distance(points, groups, scn::metric::sqeuclidean, true, std::nullopt, how));
    write("tl_energy_distance~euclidean.distance", scn::energy_distance(logged, groups, scn::metric::euclidean, false, 2, how));
    const scn::mmd_result mmd = scn::mmd(points, groups, {}, false, std::nullopt, how);
    write("tl_mmd.squared", mmd.squared);
    write("tl_mmd.gammas", mmd.gammas);
    write("tl_mmd~gammas.squared", scn::mmd(points, groups, std::vector<double>{0.5, 2.0}, true, std::nullopt, how).squared);

    // statistics
    const auto x = read<double>("loess_x"), y = read<double>("loess_y"), w = read<double>("loess_w");
    scn::loess_options smooth;
    smooth.span = 0.4;
    write("stats_loess.fitted", scn::loess(x, y, smooth, w, std::nullopt, how));
    smooth.slack = 1e-5;
    write("stats_loess~r.fitted", scn::loess(x, y, smooth, {}, std::nullopt, how));
    smooth.slack = 0;
    smooth.span = 0.5;
    smooth.degree = 1;
    smooth.surface = scn::surface::direct;
    write("stats_loess.predicted", scn::loess(x, y, smooth, {}, read<double>("loess_new"), how));
    write("stats_normal_p.p", scn::normal_p(read<double>("z")));
    write("stats_normal_p~log.p", scn::normal_p(read<double>("z"), true));
    write("stats_student_p.p", scn::student_p(read<double>("t"), read<double>("df")));
    write("stats_student_p~log.p", scn::student_p(read<double>("t"), read<double>("df"), true));
    const auto p = read<double>("p");
    write("stats_adjust_p~benjamini-hochberg.adjusted", scn::adjust_p(p));
    write("stats_adjust_p~benjamini-yekutieli.adjusted", scn::adjust_p(p, scn::corr_method::benjamini_yekutieli));
    write("stats_adjust_p~bonferroni.adjusted", scn::adjust_p(p, scn::corr_method::bonferroni));
    scn::simulate_options simulation;
    simulation.n_clusters = 3;
    simulation.markers_per_cluster = 5;
    simulation.n_batches = 2;
    scn::context seed_7 = how;
    seed_7.seed = 7;
    const scn::simulated_counts drawn = scn::simulate_counts(60, 200, simulation, seed_7);
    write_sparse("simulate_counts", drawn.counts);
    write("simulate_counts.clusters", drawn.clusters);
    write("simulate_counts.batches", drawn.batches);
    write("simulate_counts.marker_of", drawn.marker_of);

    // errors
    write_error("validate", [&] { scn::validate(not_finite, how); });
    write_error("read_mtx", [&] { (void)scn::read_mtx(in + "/none.mtx", scn::axis::obs, std::nullopt, how); });
    write_error("log1p", [&] { (void)scn::log1p<double>(counts, 1, how); });
    scn::scale_options negative;
    negative.max_value = -1;
    write_error("scale", [&] { (void)scn::scale<double>(counts, negative, {}, scn::axis::obs, how); });
    scn::highly_variable_genes_options too_many;
    too_many.n_top_genes = 100000;
    write_error("highly_variable_genes", [&] { (void)scn::highly_variable_genes(logged, too_many, {}, {}, how); });
    const auto lonely = read<std::int32_t>("lonely");
    write_error("rank_genes_groups",
                [&] { (void)scn::rank_genes_groups(logged, scn::labels(lonely, 2), {}, scn::ranking::scores, how); });
    write_error("rank_not_finite", [&] { (void)scn::rank_genes_groups(not_finite, groups, {}, scn::ranking::scores, how); });
    write_error("adjust_p", [] { (void)scn::adjust_p(std::vector<double>{0.5, 1.5}); });
    smooth.span = -1;
    smooth.degree = 2;
    smooth.surface = scn::surface::interpolate;
    write_error("loess", [&] { (void)scn::loess(x, y, smooth, {}, std::nullopt, how); });
    if (const char* root = std::getenv("SCNATIVE_MODELS_DIR"); root != nullptr && *root != '\0') {
        models(root);
    }
    return 0;
}
