"""Series descriptions as parts of file names."""

import pytest

from data.dicom.plain_description import names_patient, plain_description


@pytest.mark.parametrize(
  "text, plain",
  [
    ("Abdomen  1.0 / B30f", "Abdomen_1_0_B30f"),
    ("../../etc/passwd\0", "etc_passwd"),
    ("Bauch nativ, veno\u0308s", "Bauch_nativ_ven\u00f6s"),
    ("\u8179\u90e8 CT", "\u8179\u90e8_CT"),
    ("\udcff*?", ""),
    ("", ""),
    ("word " * 30, "word_word_word_word_word_word_word_word"),  # 39 bytes
  ],
)
def test_letters_and_digits_stay_and_the_rest_separates(text, plain):
  assert plain_description(text) == plain


def test_words_of_the_patients_name_and_id_are_left_out():
  personal = ("SMITH^John^^Dr.", "0815-4711")
  assert plain_description("CT abd smith, portal", personal) == "CT_abd_portal"
  assert plain_description("JohnSMITH-2 0815 portal x4711y", personal) == "2_portal"
  assert plain_description("drip", ("Dr^X",)) == "drip"  # two letters of a longer word name nobody


@pytest.mark.parametrize(
  "name, personal, does",
  [
    ("Doe_Jane", ("Doe^Jane", ""), True),
    ("ct-JANE-2", ("Doe^Jane", "7"), True),
    ("janedoe_ct", ("Doe^Jane", ""), True),
    ("MRN4711", ("", "mrn-4711"), True),
    ("M\u00fcller", ("Mu\u0308ller^Eva", ""), True),
    ("case_07", ("Doe^Jane", "07"), False),  # found by chance
    ("ct_47_11_portal", ("Doe^Jane", "4712"), False),
    ("li_ct", ("Li^Wu", ""), False),
    ("anonymous_3", ("anonymous", "3"), False),
    ("liver_0", ("", ""), False),
    ("liver_0", (), False),
  ],
)
def test_names_that_name_the_patient(name, personal, does):
  assert names_patient(name, personal) == does
