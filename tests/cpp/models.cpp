// Models: small ones with random weights, beside what the original implementations make of their inputs.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "check.hpp"

namespace {

// The folder of a fixture, or empty text where there are none; test_cpp.py says that these are not tested then.
std::string fixture(const std::string& name) {
    const char* root = std::getenv("SCNATIVE_MODELS_DIR");
    if (root == nullptr || *root == '\0') {
        std::fprintf(stderr, "SKIPPED: models, which need SCNATIVE_MODELS_DIR=the folder of the fixtures\n");
        return {};
    }
    return std::string(root) + "/" + name;
}

// The arrays of a safetensors file: the length of a header in JSON, the header, the elements.
class safetensors {
  public:
    explicit safetensors(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        const std::string all{std::istreambuf_iterator<char>(file), {}};
        std::uint64_t length = 0;
        CHECK(all.size() > 8);
        std::memcpy(&length, all.data(), 8);
        header_ = all.substr(8, length);
        elements_ = all.substr(8 + length);
    }

    std::vector<std::int64_t> shape(const std::string& name) const { return numbers(name, "shape"); }

    template <class T>
    std::vector<T> values(const std::string& name) const {
        const auto ends = numbers(name, "data_offsets");
        std::vector<T> made(static_cast<std::size_t>(ends[1] - ends[0]) / sizeof(T));
        std::memcpy(made.data(), elements_.data() + ends[0], made.size() * sizeof(T));
        return made;
    }

  private:
    // The numbers of `"name":{... "field":[1,2] ...}`.
    std::vector<std::int64_t> numbers(const std::string& name, const std::string& field) const {
        std::size_t at = header_.find("\"" + name + "\":");
        CHECK(at != std::string::npos);
        at = header_.find("[", header_.find("\"" + field + "\":", at));
        std::istringstream list(header_.substr(at + 1, header_.find("]", at) - at - 1));
        std::vector<std::int64_t> made;
        for (std::string number; std::getline(list, number, ',');) {
            made.push_back(std::stoll(number));
        }
        return made;
    }

    std::string header_, elements_;
};

// Counts of 12 genes that the model knows and 3 that it does not, in 6 cells, of which one has none of the first.
struct cells {
    explicit cells(const scn::model& model) : genes(model.genes()) {
        genes.resize(12);
        genes.insert(genes.end(), {"no1", "no2", "no3"});
        random_numbers random(4);
        for (int i = 0; i < 6 * 15; ++i) {
            counts.push_back(i / 15 == 3 && i % 15 < 12 ? 0 : std::floor(random.uniform() * 6));
        }
    }
    scn::matrix_view view() const { return scn::dense(6, 15, counts); }

    std::vector<std::string> genes;
    std::vector<double> counts;
};

scn::context with_threads(int n) {
    scn::context how;
    how.n_threads = n;
    return how;
}

}  // namespace

TEST(models_are_listed_and_found) {
    const std::string all = scn::models::list();
    CHECK(all.front() == '[' && all.find("\"scgpt-human\"") != std::string::npos);
    CHECK(scn::models::info("scGPT/human").find("\"scgpt-human\"") != std::string::npos);
    CHECK_ERROR(scn::models::info("scgpt-humn"), SCN_ERR_NOT_FOUND, "scgpt-human");
    CHECK_ERROR(scn::models::register_card("{\"id\": \"mine\"}"), SCN_ERR_CONFIG, "");
    CHECK_ERROR(scn::models::unregister_card("mine"), SCN_ERR_NOT_FOUND, "mine");
}

TEST(an_empty_cache_is_empty) {
    const std::string options = "{\"cache_dir\": \"" + scratch() + "/cache\"}";
    CHECK(scn::models::cache(options).find("\"size\":0") != std::string::npos);
    CHECK(scn::models::prune(options).find("\"freed_bytes\":0") != std::string::npos);
    CHECK_ERROR(scn::models::verify("scgpt-human", options), SCN_ERR_NOT_FOUND, "");
    CHECK_ERROR(scn::models::remove("scgpt-human", options), SCN_ERR_NOT_FOUND, "");
    const std::string offline = "{\"offline\": true, \"cache_dir\": \"" + scratch() + "/cache\"}";
    CHECK_ERROR(scn::models::download("perturblab/nothing", offline), SCN_ERR_OFFLINE, "");
    CHECK_ERROR(scn::models::cache("{\"cache_dirs\": 1}"), SCN_ERR_INVALID_ARGUMENT, "cache_dirs");
}

TEST(texts_of_json) {
    CHECK(scn::detail::texts_of("[]").empty());
    const std::vector<std::string> texts =
        scn::detail::texts_of("[\"a\", \"q\\\" b\\\\ s\\/ n\\n\", \"\\u00e9\\ud83d\\ude00 \xc3\xa9\\u4e2d\", \"\"]");
    CHECK((texts == std::vector<std::string>{"a", "q\" b\\ s/ n\n", "\xc3\xa9\xf0\x9f\x98\x80 \xc3\xa9\xe4\xb8\xad", ""}));
}

TEST(sets_of_tensors) {
    scn::tensors none;
    CHECK(!none && none.size() == 0 && none.names().empty() && none.get() == nullptr);
    CHECK_ERROR(none.at("a"), SCN_ERR_NOT_FOUND, "must be one of none");
    scn::tensors set;
    set.add("a", std::vector<int>{1, 2, 3, 4, 5, 6}, {{2, 3}});
    set.add("b", std::vector<float>{1.5});
    set.add("c", std::vector<std::uint8_t>{7}, std::vector<std::int64_t>{});
    set.add("d", std::vector<double>{});
    set.add("b", std::vector<float>{2.5});
    CHECK((set.names() == std::vector<std::string>{"a", "b", "c", "d"}));
    const scn::tensor a = set.at("a");
    CHECK(a.shape().size() == 2 && a.shape()[0] == 2 && a.shape()[1] == 3 && a.size() == 6 && a.dtype() == scn::dtype::i32);
    CHECK(a.values<std::int32_t>()[5] == 6 && set.at("b").values<float>()[0] == 2.5F);
    CHECK(set.at("c").shape().empty() && set.at("c").size() == 1 && set.at("d").size() == 0);
    CHECK_ERROR(a.values<float>(), SCN_ERR_TYPE, "asked for as");
    CHECK_ERROR(set.add("e", std::vector<int>{1, 2}, {{3}}), SCN_ERR_SHAPE, "e: has length 2, must have 3");
    const scn::tensors moved = std::move(set);
    CHECK(moved.size() == 4);
}

TEST(models_that_are_not_there) {
    const scn::model none;
    CHECK(!none && none.get() == nullptr);
    CHECK_ERROR(none.describe(), SCN_ERR_NULL, "model");
    CHECK_ERROR(none.genes(), SCN_ERR_NULL, "model");
    CHECK_ERROR(none.gene_embeddings(), SCN_ERR_NULL, "model");
    CHECK_ERROR(none.forward({}), SCN_ERR_NULL, "model");
    CHECK_ERROR(none.save(scratch() + "/none"), SCN_ERR_NULL, "model");
    CHECK_ERROR(none.run("x", scn::tensors()), SCN_ERR_NULL, "model");
    CHECK_ERROR(scn::model("/no/such/folder"), SCN_ERR_NOT_FOUND, "/no/such/folder");
    CHECK_ERROR(scn::model("scgpt-humn"), SCN_ERR_NOT_FOUND, "scgpt-human");
}

TEST(models_forward) {
    const std::string folder = fixture("scgpt-plain");
    if (folder.empty()) {
        return;
    }
    const scn::model model(folder);
    CHECK(model && model.describe().find("\"family\":\"scgpt\"") != std::string::npos);
    const safetensors in(folder + "/inputs.safetensors"), expected(folder + "/outputs.safetensors");
    scn::tensors inputs;
    inputs.add("src", in.values<std::int64_t>("src"), in.shape("src"));
    inputs.add("values", in.values<float>("values"), in.shape("values"));
    inputs.add("src_key_padding_mask", in.values<std::uint8_t>("src_key_padding_mask"), in.shape("src_key_padding_mask"));
    const scn::tensors made = model.forward(inputs);
    const auto valid = expected.values<std::uint8_t>("valid_mask");
    for (const char* name : {"X_scGPT", "cell_emb", "cls_output", "encoder_output", "gene_token_embs", "loss_ecs", "mlm_output", "mvc_output"}) {
        const auto theirs = expected.values<float>(name);
        const scn::tensor array = made.at(name);
        const auto ours = array.values<float>();
        const auto shape = expected.shape(name);
        CHECK(std::equal(shape.begin(), shape.end(), array.shape().begin(), array.shape().end()));
        const bool of_tokens = shape.size() >= 2 && shape[1] == 12;
        const std::size_t width = of_tokens ? theirs.size() / valid.size() : 1;
        for (std::size_t i = 0; i < theirs.size(); ++i) {
            // Of a token that is padding, what is there is nobody's.
            if (!of_tokens || valid[i / width] != 0) {
                CHECK(std::abs(ours[i] - theirs[i]) <= 2e-4F + 1e-4F * std::abs(theirs[i]));
            }
        }
    }
    CHECK_ERROR(model.forward(scn::tensors()), SCN_ERR_INVALID_ARGUMENT, "\"src\" is missing");
    CHECK_ERROR(model.forward(inputs, "{\"colour\": 1}"), SCN_ERR_INVALID_ARGUMENT, "colour");
    scn::tensors wrong;
    wrong.add("src", std::vector<float>{0.5F}, {{1, 1}});
    CHECK_ERROR(model.forward(wrong), SCN_ERR_TYPE, "src");
}

TEST(models_embed) {
    const std::string folder = fixture("scgpt-plain");
    if (folder.empty()) {
        return;
    }
    const scn::model model(folder);
    const cells some(model);
    const scn::cell_embedding made = model.embed(some.view(), some.genes);
    CHECK(made.n_obs == 6 && made.n_dims == 32 && made.values.size() == 6 * 32 && made.matrix().n_vars() == 32);
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(std::isnan(made.values[32 * i]) == (i == 3));
    }
    CHECK(made.report.find("\"name\":\"scgpt\"") != std::string::npos && made.report.find("\"matched\":12") != std::string::npos);
    const scn::sparse by_gene = scn::to_major(some.view(), scn::axis::var);
    for (const int n : {1, 2, 3}) {
        CHECK(all_near(model.embed(some.view(), some.genes, {}, {}, with_threads(n)).values, made.values, 0));
        CHECK(all_near(model.embed(by_gene, some.genes, {}, {}, with_threads(n)).values, made.values, 0));
    }
    const scn::tensors genes = model.gene_embeddings();
    CHECK(genes.at("gene_embeddings").shape()[0] == static_cast<std::int64_t>(model.genes().size()));

    model.save(scratch() + "/saved");
    const scn::model again(scratch() + "/saved");
    CHECK(all_near(again.embed(some.view(), some.genes).values, made.values, 0));
    model.save(scratch() + "/saved", "{\"overwrite\": true}");
}

TEST(models_refuse) {
    const std::string folder = fixture("scgpt-plain");
    if (folder.empty()) {
        return;
    }
    const scn::model model(folder);
    const cells some(model);
    CHECK_ERROR(scn::model(folder, "{\"dtype\": \"f33\"}"), SCN_ERR_INVALID_ARGUMENT, "dtype: is \"f33\"");
    CHECK_ERROR(scn::model(folder, "{"), SCN_ERR_INVALID_ARGUMENT, "options: is not JSON");
    CHECK_ERROR(model.embed(some.view(), some.genes, "{\"bins\": 3}"), SCN_ERR_INVALID_ARGUMENT, "bins");
    CHECK_ERROR(model.embed(some.view(), {}), SCN_ERR_GENE_NAMES, "genes");
    CHECK_ERROR(model.embed(some.view(), {"A"}), SCN_ERR_GENE_NAMES, "genes");
    CHECK_ERROR(model.embed(some.view(), std::vector<std::string>(15, "none")), SCN_ERR_VOCABULARY, "");
    CHECK_ERROR(model.embed(some.view(), std::vector<std::string>(15, "a\nb")), SCN_ERR_INVALID_ARGUMENT, "newlines");
    std::vector<double> negative = some.counts;
    negative[0] = -1;
    CHECK_ERROR(model.embed(scn::dense(6, 15, negative), some.genes), SCN_ERR_COUNTS, "count");
    CHECK_ERROR(model.embed(some.view(), some.genes, "{\"max_batch_tokens\": 1}"), SCN_ERR_BUDGET, "max_batch_tokens: is 1");
    scn::tensors short_labels;
    short_labels.add("batch_labels", std::vector<int>(5));
    CHECK_ERROR(model.embed(some.view(), some.genes, {}, short_labels), SCN_ERR_SHAPE, "batch_labels");
    CHECK_ERROR(model.run("dance", some.view(), some.genes), SCN_ERR_INVALID_ARGUMENT, "task: is \"dance\"");
    CHECK_ERROR(model.run("dance", scn::tensors()), SCN_ERR_INVALID_ARGUMENT, "task: is \"dance\"");
}
